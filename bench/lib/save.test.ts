import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { nameOf } from './save.ts';

suite('the name of a saved run', ({ test }) => {
  const DAY = '2026-11-26';
  const after = (...names: string[]) => nameOf(DAY, names);

  test('is the date, with a number from the second run on', () => {
    assert.is(after(), DAY);
    assert.is(after('part.json', 'quick.html', '2026-11-25.2.json'), DAY);
    assert.is(after(`${DAY}.json`), `${DAY}.2`);
  });

  test('continues from the highest number without filling gaps', () => {
    assert.is(after(`${DAY}.3.json`, `${DAY}.4.json`, `${DAY}.5.html`, `${DAY}.5.json`, `${DAY}.6.json`), `${DAY}.7`);
    assert.is(after(`${DAY}.9.json`, `${DAY}.10.json`), `${DAY}.11`);
  });
});
