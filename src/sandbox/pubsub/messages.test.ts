import { createRequire } from 'node:module';
import { fromJSON, type MessageTypeDefinition } from '@grpc/proto-loader';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { orderingKeyOf, stamped, withAttributes } from './messages.ts';

/** The official client's own protos decide whether the encoding here is right. */
const protos = fromJSON(createRequire(import.meta.url)('@google-cloud/pubsub/build/protos/protos.json'), {
  longs: Number,
});
const judge: unknown = protos['google.pubsub.v1.PubsubMessage'];
const isMessage = (definition: unknown): definition is MessageTypeDefinition<object, object> =>
  typeof definition === 'object' && definition !== null && 'serialize' in definition;
if (!isMessage(judge)) throw new Error('no PubsubMessage');
const { serialize: encode, deserialize: decode } = judge;

const first = (bodies: Buffer[]) => stamped(bodies, 'key', 1_795_455_048_999_999)[0]?.bytes ?? Buffer.alloc(0);

suite('Pub/Sub messages', ({ test }) => {
  for (const size of [0, 1, 127, 128, 70_000]) {
    test(`a message of ${size} bytes is unchanged, and gets an id and a time`, () => {
      const message = { data: Buffer.alloc(size, 'x'), attributes: { a: '1', ü: 'ö' }, orderingKey: 'key' };
      const bodies = [encode(message), encode(message)];
      assert.is(orderingKeyOf(bodies), 'key');
      const [, second] = stamped(bodies, 'key', 1_795_455_048_999_999);
      const { publishTime, ...rest } = Object(decode(second?.bytes ?? Buffer.alloc(0)));
      assert.equal(rest, { ...message, messageId: '1795455049000000' });
      assert.is(publishTime.seconds * 1000 + (publishTime.nanos ?? 0) / 1e6, second?.publishTimeMs);
    });
  }

  test('id and publish time of the publisher are ignored, and a dead letter gets new ones', () => {
    const body = encode({ data: Buffer.from('x'), messageId: 'mine', publishTime: { seconds: 5, nanos: 7 } });
    const once = first([body]);
    assert.is(Object(decode(once)).messageId, '1795455048999999');
    assert.ok(Object(decode(once)).publishTime.seconds > 5);
    const [again] = stamped([withAttributes(once, { b: '2' })], '', 1_800_000_000_000_000);
    const letter = Object(decode(again?.bytes ?? Buffer.alloc(0)));
    assert.equal([letter.messageId, letter.attributes], ['1800000000000000', { b: '2' }]);
  });
});
