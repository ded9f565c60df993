import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { duration, messagesPerSecond, time, wholeNumber } from './arguments.ts';

suite('arguments of the command line', ({ test }) => {
  test('durations are numbers with a unit', () => {
    assert.equal(['500ms', '30s', '5m', '1.5h', '1d'].map(duration), [500, 30_000, 300_000, 5_400_000, 86_400_000]);
    for (const text of ['', '30', '0s', '-1s', '5 m', '25d', '1e3s', '600h', 's']) {
      assert.throws(() => duration(text), /Expected a duration/, text);
    }
  });

  test('whole numbers are within their bounds', () => {
    assert.equal(['1', '65000', '1e3'].map(wholeNumber(1, 65_000)), [1, 65_000, 1_000]);
    for (const text of ['', '0', '65001', '1.5', 'x']) {
      assert.throws(() => wholeNumber(1, 65_000)(text), /from 1 to 65000\./, text);
    }
    assert.throws(() => wholeNumber(0)('-1'), /from 0\./);
  });

  test('rates are numbers above 0, or max', () => {
    assert.equal(['500', '500/s', '0.5', 'max'].map(messagesPerSecond), [500, 500, 0.5, Number.POSITIVE_INFINITY]);
    for (const text of ['', '0', '-1', '500/m', 'Infinity']) {
      assert.throws(() => messagesPerSecond(text), /Expected messages per second/, text);
    }
  });

  test('times are RFC 3339', () => {
    assert.is(time('2026-11-24T09:00:00+01:00'), Date.UTC(2026, 10, 24, 8));
    for (const text of ['', 'yesterday', '2026-11-24']) assert.throws(() => time(text), /Expected a time/, text);
  });
});
