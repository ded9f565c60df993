import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { PoisonError } from '../../core/errors.ts';
import { suite } from '../../testing/suite.ts';
import { testMessage } from '../../testing/test-context.ts';
import { batchKeyBy, safePart } from './batch-key.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('.', '/', '\\', '\0', '\n', '*', '#', '?', '[', ']', 'a', 'é', '\u0301', '\ud800', '😀'),
  }),
  fc.string({ unit: 'grapheme', minLength: 120, maxLength: 200 }),
);

suite('safe part', ({ test }) => {
  test('whatever the text: never unsafe, never empty, never too long', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const part = safePart(text);
        assert.ok(part.length > 0 && part.length <= 128);
        assert.not.match(part, /[\p{Cc}\p{Cf}/\\#?*[\]]/u);
        assert.not.match(part, /^\.+$/);
        assert.ok(part.isWellFormed(), 'no name in UTF-8');
        assert.is(encodeURIComponent(part).length > 0, true);
      }),
      { numRuns: 3_000 },
    );
  });

  test('safe characters stay readable', () => {
    for (const text of ['hall', 'Halle 7', 'a.b', '..a', 'büro', '東京', 'x-y_z']) assert.is(safePart(text), text);
    assert.equal(['../..', '..', '.', '', 'a/b', 'a\nb', 'what?'].map(safePart), [
      '.._..',
      '_',
      '_',
      '_',
      'a_b',
      'a_b',
      'what_',
    ]);
  });

  test('invisible characters do not pass', () => {
    assert.is(safePart('a\u202eb'), 'a_b');
    assert.is(safePart('\ufeffhall\u200b'), '_hall_');
  });

  test('two encodings of one text give the same part', () => {
    assert.is(safePart('bu\u0308ro'), safePart('b\u00fcro'));
    // Four characters that compose to one.
    assert.is(safePart('\u03b1\u0313\u0300\u0345'.repeat(300)), '\u1f82'.repeat(128));
  });

  test('the longest possible text is fast, whatever it contains', () => {
    const started = performance.now();
    for (const unit of ['\u0301\u0323', '\u0301', '.', '/', 'a']) safePart(`a${unit.repeat(1_000_000)}`);
    assert.ok(performance.now() - started < 5_000);
  });
});

suite('batch key', ({ test }) => {
  const keyOf = batchKeyBy('metadata.publishTime', ['enrichmentData.location', 'attributes.location']);

  test('is the day in UTC, and the first location found', () => {
    const publishTime = '2026-11-23T23:30:00Z';
    const attributes = { location: 'yard' };
    assert.is(keyOf(testMessage({ publishTime })), '2026/11/23');
    assert.is(keyOf(testMessage({ publishTime, attributes })), '2026/11/23/yard');
    assert.is(keyOf(testMessage({ publishTime, attributes, enrichmentData: { location: 'hall' } })), '2026/11/23/hall');
    assert.is(keyOf(testMessage({ publishTime, attributes, enrichmentData: { location: '' } })), '2026/11/23/yard');
    assert.is(keyOf(testMessage({ publishTime, enrichmentData: { location: { a: 1 } } })), '2026/11/23');
    assert.is(keyOf(testMessage({ publishTime, enrichmentData: { location: 7 } })), '2026/11/23/7');
    assert.is(keyOf(testMessage({ publishTime, enrichmentData: { location: '../etc' } })), '2026/11/23/.._etc');
  });

  test('reads the time from the configured path, with its offset', () => {
    const byPayload = batchKeyBy('payload.at', []);
    assert.is(byPayload(testMessage({ payload: '{"at":"2026-01-01T00:30:00+01:00"}' })), '2025/12/31');
  });

  test('reads the time from test_publish_time only if allowed', () => {
    const publishTime = '2026-11-23T23:30:00Z';
    const attributes = { test_publish_time: '2025-06-15T01:30:00+02:00', location: 'yard' };
    const paths = ['metadata.publishTime', ['attributes.location']] as const;
    assert.is(batchKeyBy(...paths)(testMessage({ publishTime, attributes })), '2026/11/23/yard');
    const accepting = batchKeyBy(...paths, true);
    assert.is(accepting(testMessage({ publishTime, attributes })), '2025/06/14/yard');
    assert.is(accepting(testMessage({ publishTime })), '2026/11/23');
    for (const test_publish_time of ['', 'yesterday', '2025-06-15']) {
      assert.throws(
        () => accepting(testMessage({ publishTime, attributes: { test_publish_time } })),
        (thrown: unknown) => thrown instanceof PoisonError && /attributes\.test_publish_time/.test(thrown.message),
      );
    }
  });

  test('a message without a time is poison', () => {
    const byPayload = batchKeyBy('payload.at', []);
    for (const payload of ['{}', '{"at":"soon"}', '{"at":1700000000}', 'no json']) {
      assert.throws(
        () => byPayload(testMessage({ payload })),
        (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'rejected',
      );
    }
  });
});

suite('batch key at the ends of the calendar', ({ test }) => {
  test('a time outside the years 1 to 9999 is poison, and creates no folder', () => {
    const keyOf = batchKeyBy('payload.at', []);
    const of = (at: string) => keyOf(testMessage({ payload: JSON.stringify({ at }) }));
    assert.is(of('9999-12-31T23:59:59Z'), '9999/12/31');
    assert.is(of('0001-01-01T00:00:00Z'), '0001/01/01');
    for (const at of ['9999-12-31T23:59:59-01:00', '0001-01-01T00:00:00+01:00', '0000-06-01T00:00:00Z']) {
      assert.throws(
        () => of(at),
        (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'rejected',
      );
    }
  });
});
