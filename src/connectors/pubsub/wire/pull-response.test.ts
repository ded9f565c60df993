import { protos } from '@google-cloud/pubsub';
import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import * as assert from 'uvu/assert';
import { suite } from '../../../testing/suite.ts';
import { ownCopy } from '../../../util/bytes.ts';
import { rfc3339 } from '../../../util/rfc3339.ts';
import { decodePullResponse, PIECE_BYTES } from './pull-response.ts';

const { StreamingPullResponse } = protos.google.pubsub.v1;
const { Writer } = protobuf;

const nothing = (): never => {
  throw new Error('a message is missing');
};

suite('a response of StreamingPull', ({ test }) => {
  const text = fc.string({ unit: 'binary' }).map((value) => value.toWellFormed());
  const received = fc.record({
    ackId: text,
    message: fc.record({
      data: fc.uint8Array({ maxLength: 300 }),
      attributes: fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor')), text, { maxKeys: 5 }),
      messageId: text,
      publishTime: fc.record({ seconds: fc.nat(4_000_000_000), nanos: fc.nat(999_999_999) }),
      orderingKey: text,
    }),
    deliveryAttempt: fc.nat(5),
  });

  test('decodes what the generated client writes', () => {
    const response = fc.record({
      receivedMessages: fc.array(received, { maxLength: 5 }),
      subscriptionProperties: fc.record({
        exactlyOnceDeliveryEnabled: fc.boolean(),
        messageOrderingEnabled: fc.boolean(),
      }),
    });
    fc.assert(
      fc.property(response, (sent) => {
        const { messages, properties } = decodePullResponse(Buffer.from(StreamingPullResponse.encode(sent).finish()));
        assert.equal({ ...properties }, { ...sent.subscriptionProperties });
        assert.is(messages.length, sent.receivedMessages.length);
        for (const [index, { ackId, message, deliveryAttempt }] of sent.receivedMessages.entries()) {
          const read = messages[index] ?? nothing();
          assert.equal(
            [read.ackId, read.messageId, read.id, read.orderingKey, read.deliveryAttempt],
            [ackId, message.messageId, message.messageId, message.orderingKey, deliveryAttempt],
          );
          assert.equal([...read.data], [...message.data]);
          assert.equal(Object.entries(read.attributes).sort(), Object.entries(message.attributes).sort());
          assert.is(Object.getPrototypeOf(read.attributes), Object.prototype);
          assert.is(read.publishTime, rfc3339(message.publishTime.seconds, message.publishTime.nanos));
        }
      }),
    );
  });

  test('does not retain a large response for one message', () => {
    const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(20_000), fc.nat(400_000)), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(sizes, (sent) => {
        const receivedMessages = sent.map((size, index) => ({
          ackId: `lease-${index}`,
          message: { data: Buffer.alloc(size, index), attributes: { index: String(index) }, messageId: `m${index}` },
        }));
        const bytes = ownCopy(StreamingPullResponse.encode({ receivedMessages }).finish());
        const { messages } = decodePullResponse(bytes);
        assert.is(messages.length, sent.length);
        for (const [index, message] of messages.entries()) {
          const { data, byteLength, attributes, encodedAttributes } = message;
          assert.equal([message.ackId, message.id, attributes], [`lease-${index}`, `m${index}`, { index: `${index}` }]);
          assert.ok(Buffer.alloc(sent[index] ?? 0, index).equals(data));
          assert.ok(byteLength >= data.byteLength + 15 && byteLength <= data.byteLength + 64, `counted ${byteLength}`);
          for (const held of [data.buffer, encodedAttributes.bytes.buffer]) {
            assert.ok(held.byteLength <= byteLength + 2 * PIECE_BYTES, `${byteLength} bytes hold ${held.byteLength}`);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test('skips unknown fields, and accepts any order', () => {
    const message = Writer.create()
      .uint32(26)
      .string('m1')
      .uint32(802)
      .string('new')
      .uint32(10)
      .bytes(Buffer.from('x'));
    const body = message.finish();
    const lease = Writer.create().uint32(18).bytes(body).uint32(10).string('lease').uint32(24).int32(3).finish();
    const response = Writer.create().uint32(90).string('new').uint32(10).bytes(lease).uint32(48).int64(7).finish();
    const [only, ...others] = decodePullResponse(Buffer.from(response)).messages;
    assert.is(others.length, 0);
    assert.equal([only?.ackId, only?.messageId, `${only?.data}`], ['lease', 'm1', 'x']);
    assert.ok(
      Math.abs(Date.parse(only?.publishTime ?? '') - Date.now()) < 60_000,
      'without a time, that of the receipt',
    );
  });

  test('finds attributes separated by other fields', () => {
    const attribute = (key: string, value: string) => Writer.create().uint32(10).string(key).uint32(18).string(value);
    const body = Writer.create()
      .uint32(18)
      .bytes(attribute('a', '1').finish())
      .uint32(26)
      .string('m1')
      .uint32(18)
      .bytes(attribute('b', '2').finish())
      .uint32(10)
      .bytes(Buffer.from('x'))
      .uint32(18)
      .bytes(attribute('a', '3').finish())
      .finish();
    const lease = Writer.create().uint32(10).string('lease').uint32(18).bytes(body).finish();
    const response = Writer.create().uint32(10).bytes(lease).uint32(10).bytes(lease).finish();
    const messages = decodePullResponse(Buffer.from(response)).messages;
    assert.is(messages.length, 2);
    for (const each of messages) {
      assert.equal([each.ackId, each.messageId, `${each.data}`], ['lease', 'm1', 'x']);
      assert.equal(each.attributes, { a: '3', b: '2' });
    }
  });

  test('may contain no message; a truncated one is an error', () => {
    const whole = Buffer.from(StreamingPullResponse.encode({ receivedMessages: [{ ackId: 'a' }] }).finish());
    assert.equal(decodePullResponse(whole).messages, []);
    assert.equal(decodePullResponse(Buffer.alloc(0)).messages, []);
    const sent = { receivedMessages: [{ ackId: 'a', message: { data: Buffer.from('hello') } }] };
    const bytes = Buffer.from(StreamingPullResponse.encode(sent).finish());
    for (let length = 1; length < bytes.length; length += 1) {
      assert.throws(() => decodePullResponse(bytes.subarray(0, length)));
    }
  });
});
