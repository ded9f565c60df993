import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { checkLimits } from '../connectors/pubsub/limits.ts';
import type { Original } from '../core/message.ts';
import { suite } from '../testing/suite.ts';
import { type DeadLetterMarks, toDeadLetterMessage, toPointerMessage } from './write-dead-letter.ts';

const MARKS: DeadLetterMarks = {
  service: 'enrich',
  reason: 'hook_failed',
  error: 'no such device',
  attempt: 3,
  source: 'projects/p/subscriptions/s',
  time: new Date('2026-11-24T08:00:00Z'),
};
const OURS = {
  dlq_service: 'enrich',
  dlq_reason: 'hook_failed',
  dlq_error: 'no such device',
  dlq_attempt: '3',
  dlq_source: 'projects/p/subscriptions/s',
  dlq_time: '2026-11-24T08:00:00.000Z',
};

const original = (fields: Partial<Original> = {}): Original => ({
  data: Buffer.from('x'),
  attributes: {},
  orderingKey: '',
  ...fields,
});
const named = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, 'v']));

suite('dead letter', ({ test }) => {
  test('has the original and six attributes; an ordering key becomes a seventh', () => {
    const { message, isWhole } = toDeadLetterMessage(original({ attributes: { uid: 'u1' } }), MARKS);
    assert.ok(isWhole);
    assert.equal(message, { data: Buffer.from('x'), attributes: { uid: 'u1', ...OURS }, orderingKey: '' });
    const ordered = toDeadLetterMessage(original({ orderingKey: 'k' }), MARKS).message;
    assert.is(ordered.attributes.dlq_ordering_key, 'k');
    assert.is(ordered.orderingKey, '', 'dead letters never wait for each other');
  });

  test('is whole just within the limits, but not beyond', () => {
    for (const [fields, expected] of [
      [{ data: Buffer.alloc(9_000_000) }, true],
      [{ data: Buffer.alloc(9_000_001) }, false],
      [{ attributes: named(94) }, true],
      [{ attributes: named(95) }, false],
      [{ attributes: named(94), orderingKey: 'k' }, false],
      [{ attributes: named(101) }, false],
      [{ attributes: { ['ä'.repeat(128)]: '語'.repeat(341) } }, true],
      [{ attributes: { ['ä'.repeat(129)]: 'v' } }, false],
      [{ attributes: { a: '語'.repeat(342) } }, false],
      [{ attributes: { '': 'v' } }, false],
      [
        { attributes: { ...named(94), googclient_schemaencoding: 'JSON', dlq_reason: 'of an earlier dead letter' } },
        true,
      ],
    ] as const) {
      const { message, isWhole } = toDeadLetterMessage(original(fields), MARKS);
      assert.is(isWhole, expected, JSON.stringify(fields).slice(0, 60));
      assert.is(message.attributes.googclient_schemaencoding, undefined);
      assert.is(message.attributes.dlq_truncated, expected ? undefined : 'true');
      assert.is(message.attributes.dlq_reason, 'hook_failed');
      checkLimits(message);
    }
  });

  test('keeps the part of a large original that fits', () => {
    const data = Buffer.alloc(9_500_000, 7);
    const { message } = toDeadLetterMessage(original({ data, attributes: { uid: 'u1' } }), MARKS);
    assert.is(message.data.byteLength, 9_000_000);
    assert.is(message.attributes.dlq_original_bytes, '9500000');
    assert.is(message.attributes.uid, 'u1');
    assert.is(
      Object.keys(toDeadLetterMessage(original({ attributes: named(101) }), MARKS).message.attributes).length,
      100,
    );
  });

  test('has no data if it points to an object', () => {
    const large = original({ data: Buffer.alloc(9_500_000), attributes: named(101), orderingKey: 'k' });
    const pointer = toPointerMessage('gs://b/n', large, MARKS);
    checkLimits(pointer);
    assert.is(pointer.data.byteLength, 0);
    const { dlq_object, dlq_original_bytes, dlq_truncated, dlq_ordering_key, a0 } = pointer.attributes;
    assert.equal(
      [dlq_object, dlq_original_bytes, dlq_truncated, dlq_ordering_key, a0],
      ['gs://b/n', '9500000', undefined, 'k', 'v'],
    );
  });

  test('marks an original truncated by its source, with size and hash of the whole', () => {
    const whole = { byteLength: 200_000_000, sha256: 'ab'.repeat(32) };
    const cut = original({ data: Buffer.alloc(100), whole });
    const { message, isWhole } = toDeadLetterMessage(cut, MARKS);
    assert.not(isWhole);
    for (const { attributes } of [message, toPointerMessage('gs://b/n', cut, MARKS)]) {
      assert.equal(
        [attributes.dlq_truncated, attributes.dlq_original_bytes, attributes.dlq_original_sha256],
        ['true', '200000000', whole.sha256],
      );
    }
  });

  test('always fits, including our attributes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 2_000 });
    const any = fc.record({
      data: fc.uint8Array({ maxLength: 300 }),
      attributes: fc.dictionary(fc.string({ unit: 'binary', maxLength: 300 }), text, { maxKeys: 120 }),
      orderingKey: fc.string({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(any, text, text, (each, error, source) => {
        const marks = { ...MARKS, error, source };
        const { message, isWhole } = toDeadLetterMessage(each, marks);
        for (const deadLetter of [message, toPointerMessage('gs://b/n', each, marks)]) {
          checkLimits(deadLetter);
          for (const name of Object.keys(OURS)) assert.ok(Object.hasOwn(deadLetter.attributes, name), name);
        }
        if (!isWhole) return;
        for (const [name, value] of Object.entries(each.attributes)) {
          if (!/^(goog|dlq_)/.test(name)) assert.is(message.attributes[name], value);
        }
      }),
    );
  });
});
