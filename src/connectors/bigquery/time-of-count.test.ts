import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { timeOfCount } from './time-of-count.ts';

suite('time of a count', ({ test }) => {
  test("equals a Date's time for every millisecond of the calendar", () => {
    const first = Date.parse('0001-01-01T00:00:00Z');
    const last = Date.parse('9999-12-31T23:59:59.999Z');
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), fc.nat(999_999), (millis, finer) => {
        const text = new Date(millis).toISOString();
        const micros = Math.floor(finer / 1_000);
        const withMicros = micros === 0 ? text : `${text.slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
        assert.is(timeOfCount(String(millis), 'ms'), text);
        assert.is(timeOfCount(String(BigInt(millis) * 1_000_000n + BigInt(finer)), 'ns'), withMicros);
        assert.is(timeOfCount(String(BigInt(millis) * 1_000n + BigInt(micros)), 'us'), withMicros);
        assert.is(timeOfCount(`${millis}e-3`, 's'), text);
      }),
    );
  });

  test('takes linear time for a million digits', () => {
    const million = 1_000_000;
    const started = performance.now();
    const second = '1970-01-01T00:00:01.000Z';
    assert.is(timeOfCount(`1${'0'.repeat(million)}e-${million}`, 's'), second);
    assert.is(timeOfCount(`${'0'.repeat(million)}1`, 's'), second);
    assert.is(timeOfCount(`0.${'0'.repeat(million)}1e${million + 1}`, 's'), second);
    assert.is(timeOfCount(`1.${'0'.repeat(million)}1`, 's'), second);
    assert.is(timeOfCount(`-1.${'0'.repeat(million)}`, 's'), '1969-12-31T23:59:59.000Z');
    assert.is(timeOfCount(`-1.${'0'.repeat(million)}1`, 's'), '1969-12-31T23:59:58.999999Z');
    assert.is(timeOfCount('9'.repeat(10 * million), 's'), undefined);
    assert.ok(performance.now() - started < 5_000);
  });

  test('is undefined outside the calendar and for anything but a number', () => {
    for (const count of ['253402300800', '-62135596801', '1e41', '1e999999999', '', 'x', '1.', '--1']) {
      assert.is(timeOfCount(count, 's'), undefined, count);
    }
    assert.is(timeOfCount('1e-999999999', 's'), '1970-01-01T00:00:00.000Z');
    assert.is(timeOfCount('-1e-999999999', 's'), '1969-12-31T23:59:59.999999Z');
    assert.is(timeOfCount('0e999999999', 's'), '1970-01-01T00:00:00.000Z');
  });
});
