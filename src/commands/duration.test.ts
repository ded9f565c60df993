import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { duration } from './duration.ts';

suite('durations of the command line', ({ test }) => {
  test('are numbers with a unit', () => {
    assert.equal(['500ms', '30s', '5m', '1.5h', '1d'].map(duration), [500, 30_000, 300_000, 5_400_000, 86_400_000]);
    for (const text of ['', '30', '0s', '-1s', '5 m', '25d', '1e3s', '600h', 's']) {
      assert.throws(() => duration(text), /Expected a duration/, text);
    }
  });
});
