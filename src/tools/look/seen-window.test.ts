import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { SeenWindow } from './seen-window.ts';

suite('what was seen', ({ test }) => {
  test('is new once, and late keys too', () => {
    const seen = new SeenWindow<number>(10);
    assert.equal([seen.add('b', 2), seen.add('a', 1), seen.add('b', 2), seen.add('a', 1)], [true, true, false, false]);
    assert.is(seen.newest, 2);
    assert.is(seen.floor, undefined);
  });

  test('is bounded: what is as old as a forgotten key is never new again', () => {
    const seen = new SeenWindow<number>(3);
    for (const time of [1, 2, 3, 4, 5]) assert.ok(seen.add(`key ${time}`, time));
    assert.is(seen.floor, 2);
    assert.equal([seen.add('key 1', 1), seen.add('late', 2), seen.add('key 3', 3)], [false, false, false]);
    assert.ok(seen.add('late', 3));
  });
});
