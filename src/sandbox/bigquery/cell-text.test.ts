import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { parseDate, parseDateTime, parseTime, parseTimestamp, timestampOfSeconds } from './cell-text.ts';

suite('cell texts', ({ test }) => {
  test('timestamps in microseconds', () => {
    const micros = 1_772_323_199_123_456n;
    for (const text of [
      '2026-02-28T23:59:59.123456Z',
      '2026-02-28 23:59:59.123456',
      '2026-02-28 23:59:59.123456 UTC',
      '2026-03-01T01:29:59.123456+01:30',
      '2026-02-28 15:59:59.123456-08',
    ]) {
      assert.is(parseTimestamp(text), micros, text);
    }
    assert.is(parseTimestamp('1969-12-31T23:59:59.9Z'), -100_000n);
    assert.is(parseTimestamp('0001-01-01 00:00:00'), -62_135_596_800_000_000n);
    assert.is(timestampOfSeconds(-0.1), -100_000n);
    assert.is(timestampOfSeconds(1772323199.5), 1_772_323_199_500_000n);
  });

  test('what is no timestamp', () => {
    for (const text of ['', 'x', '2026-02-30T00:00:00Z', '2026-01-01', '2026-01-01T24:00:00Z', '0000-01-01 00:00:00']) {
      assert.is(parseTimestamp(text), undefined, text);
    }
    assert.is(parseTimestamp('2026-01-01T00:00:00.123456789Z'), undefined, 'nanoseconds');
    assert.is(timestampOfSeconds(1e15), undefined);
    assert.is(timestampOfSeconds(Number.NaN), undefined);
  });

  test('dates, times, and both', () => {
    assert.is(parseDate('1970-01-02'), 1);
    assert.is(parseDate('2023-02-29'), undefined);
    assert.is(parseTime('00:00:01.5'), 1_500_000n);
    assert.is(parseTime('00:60:00'), undefined);
    assert.is(parseDateTime('1970-01-02 00:00:00'), 86_400_000_000n);
    assert.is(parseDateTime('1970-01-02 00:00:00Z'), undefined);
  });
});
