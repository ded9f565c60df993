import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utcTime } from '../../core/message.ts';
import { suite } from '../../testing/suite.ts';
import { isUtcTime } from './envelope-bytes.ts';

/** Adds digits before and after the time. */
const isTime = (text: string): boolean => isUtcTime(Buffer.from(`00${text}00`), 2, Buffer.byteLength(text) + 2);

const two = (from: number, to: number) =>
  fc.integer({ min: from, max: to }).map((each) => String(each).padStart(2, '0'));

suite('times in bytes', ({ test }) => {
  test('are in the form of utcTime', () => {
    const text = fc
      .record({
        year: fc.constantFrom('0000', '0001', '1900', '2000', '2024', '2025', '9999'),
        month: two(0, 13),
        day: two(0, 32),
        hour: two(0, 25),
        minute: two(0, 61),
        second: two(0, 61),
        fraction: fc.constantFrom('', '.', '.0', '.123456789', '.1x'),
        zone: fc.constantFrom('Z', 'z', '', '+00:00'),
      })
      .map((at) => `${at.year}-${at.month}-${at.day}T${at.hour}:${at.minute}:${at.second}${at.fraction}${at.zone}`);
    fc.assert(
      fc.property(text, (each) => assert.is(isTime(each), utcTime(each) === each, each)),
      { numRuns: 5_000 },
    );
  });

  test('respect the days of each month, and leap years', () => {
    for (const day of ['2024-02-29', '2000-02-29', '2026-01-31', '2026-12-31'])
      assert.ok(isTime(`${day}T00:00:00Z`), day);
    for (const day of ['2026-02-29', '1900-02-29', '2026-04-31', '2026-00-01', '2026-01-00', '0000-01-01']) {
      assert.not(isTime(`${day}T00:00:00Z`), day);
    }
  });

  test('have no other form', () => {
    for (const text of [
      '',
      'Z',
      '2026-01-01',
      '2026-01-01 00:00:00Z',
      '2026-1-01T00:00:00Z',
      '２026-01-01T00:00:00Z',
    ]) {
      assert.not(isTime(text), text);
    }
  });
});
