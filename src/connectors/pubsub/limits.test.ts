import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { PoisonError } from '../../core/errors.ts';
import { suite } from '../../testing/suite.ts';
import { checkLimits, type OutgoingMessage, PUBSUB_LIMITS, requestBytes } from './limits.ts';

const message = (fields: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  data: Buffer.from('x'),
  attributes: {},
  orderingKey: '',
  ...fields,
});

/** Returns why a message is refused, or undefined if it is accepted. */
function refusal(fields: Partial<OutgoingMessage>): { reason: string; problem: string } | undefined {
  try {
    checkLimits(message(fields));
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof PoisonError)) throw thrown;
    return { reason: thrown.reason, problem: thrown.message };
  }
}

const named = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, 'v']));

suite('Pub/Sub limits', ({ test }) => {
  test('accept values just within them', () => {
    for (const fields of [
      { data: Buffer.alloc(9_999_000) },
      { data: Buffer.alloc(0), attributes: { a: '' } },
      { attributes: named(100) },
      { attributes: { ['k'.repeat(256)]: 'v'.repeat(1_024) } },
      { attributes: { ['ä'.repeat(128)]: '語'.repeat(341) } },
      { orderingKey: 'k'.repeat(1_024) },
      { attributes: { agoog: 'v', goo: 'v', googclient_traceparent: 'v' } },
    ]) {
      assert.is(refusal(fields), undefined, JSON.stringify(fields).slice(0, 60));
    }
  });

  test('refuse values just beyond, with the reason', () => {
    for (const [fields, reason, problem] of [
      [{ data: Buffer.alloc(10_000_000) }, 'too_large', '10 MB'],
      [{ data: Buffer.alloc(0) }, 'rejected', 'without data and attributes'],
      [{ attributes: named(101) }, 'rejected', '101 attributes'],
      [{ attributes: { ['k'.repeat(257)]: 'v' } }, 'rejected', '257 bytes'],
      [{ attributes: { ['ä'.repeat(129)]: 'v' } }, 'rejected', '258 bytes'],
      [{ attributes: { a: 'v'.repeat(1_025) } }, 'rejected', '1025 bytes'],
      [{ attributes: { a: '語'.repeat(342) } }, 'rejected', '1026 bytes'],
      [{ attributes: { '': 'v' } }, 'rejected', 'without a name'],
      [{ attributes: { googclient_x: 'v' } }, 'rejected', 'reserved'],
      [{ attributes: { Google: 'v' } }, 'rejected', 'reserved'],
      [{ orderingKey: 'k'.repeat(1_025) }, 'rejected', 'the ordering key has 1025 bytes'],
    ] as const) {
      const found = refusal(fields);
      assert.is(found?.reason, reason, problem);
      assert.match(found?.problem ?? '', problem);
    }
  });

  test("a request that is full by this count fits Pub/Sub's limit", () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const any = fc.record({
      data: fc.uint8Array({ maxLength: 300 }),
      attributes: fc.dictionary(text, text, { maxKeys: 20 }),
      orderingKey: text,
    });
    fc.assert(
      fc.property(any, (each) => {
        assert.ok(requestBytes(each) >= wireBytes(each), `${requestBytes(each)} < ${wireBytes(each)}`);
      }),
    );
    const worst = message({ attributes: { ['語'.repeat(85)]: '語'.repeat(341) }, orderingKey: '語'.repeat(341) });
    assert.ok(requestBytes(worst) >= wireBytes(worst));
    assert.is(PUBSUB_LIMITS.requestBytes, 10_000_000);
  });
});

/** Bytes of a `PubsubMessage` inside a `PublishRequest`, by protobuf's encoding rules. */
function wireBytes({ data, attributes, orderingKey }: OutgoingMessage): number {
  const varint = (value: number): number => (value < 128 ? 1 : 1 + varint(Math.floor(value / 128)));
  const field = (length: number) => 1 + varint(length) + length;
  let bytes = field(data.byteLength) + field(Buffer.byteLength(orderingKey));
  for (const [name, value] of Object.entries(attributes)) {
    bytes += field(field(Buffer.byteLength(name)) + field(Buffer.byteLength(value)));
  }
  return field(bytes);
}
