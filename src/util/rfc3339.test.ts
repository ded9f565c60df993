import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { utcTime } from '../core/message.ts';
import { suite } from '../testing/suite.ts';
import { rfc3339, rfc3339OfMillis } from './rfc3339.ts';

const seconds = fc.integer({ min: 0, max: 4_102_444_800 });

suite('rfc3339', ({ test }) => {
  test('keeps significant digits, in groups of three', () => {
    const at = (nanos: number) => rfc3339(1_795_428_000, nanos).slice(19);
    assert.is(rfc3339(1_795_428_000, 0), '2026-11-23T10:00:00Z');
    assert.equal([0, 1, 1_000, 1_000_000, 120_000_000, 123_456_000, 999_999_999].map(at), [
      'Z',
      '.000000001Z',
      '.000001Z',
      '.001Z',
      '.120Z',
      '.123456Z',
      '.999999999Z',
    ]);
  });

  test('is exact to the nanosecond, in any order of seconds', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(seconds, fc.nat({ max: 999_999_999 })), { maxLength: 10 }), (times) => {
        for (const [second, nanos] of times) {
          const text = rfc3339(second, nanos);
          assert.is(utcTime(text), text);
          assert.is(Math.floor(Date.parse(`${text.slice(0, 19)}Z`) / 1000), second);
          assert.is(Number(text.slice(20, -1).padEnd(9, '0')), nanos);
        }
      }),
    );
  });

  test('accepts milliseconds since 1970, also negative ones', () => {
    assert.is(rfc3339OfMillis(0), '1970-01-01T00:00:00Z');
    assert.is(rfc3339OfMillis(-1), '1969-12-31T23:59:59.999Z');
    const millis = fc.integer({ min: -1e12, max: 4e12 });
    fc.assert(fc.property(millis, (time) => assert.is(Date.parse(rfc3339OfMillis(time)), time)));
  });
});
