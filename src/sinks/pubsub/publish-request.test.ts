import { protos } from '@google-cloud/pubsub';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { decodePullResponse } from '../../sources/pubsub/pull-response.ts';
import { suite } from '../../testing/suite.ts';
import { checkLimits, type OutgoingMessage } from './limits.ts';
import { encodeMessage, publishRequest } from './publish-request.ts';

const { PublishRequest, StreamingPullResponse } = protos.google.pubsub.v1;

const encodePublishRequest = (topic: string, messages: readonly OutgoingMessage[]) =>
  publishRequest(topic, messages.map(encodeMessage));

suite('a publish request', ({ test }) => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ minLength: 100, maxLength: 300 }));
  const message = fc.record({
    data: fc.uint8Array({ maxLength: 40_000, size: 'max' }),
    attributes: fc.dictionary(fc.oneof(text, fc.constant('__proto__')), text, { maxKeys: 4 }),
    orderingKey: fc.oneof(fc.constant(''), text),
  });

  test('is what the generated client would send', () => {
    fc.assert(
      fc.property(text, fc.array(message, { maxLength: 5 }), (topic, messages) => {
        const sent = PublishRequest.decode(encodePublishRequest(topic, messages));
        assert.is(sent.topic, topic.toWellFormed());
        assert.is(sent.messages.length, messages.length);
        for (const [index, { data, attributes, orderingKey }] of messages.entries()) {
          const each = sent.messages[index];
          assert.ok(Buffer.from(data).equals(Buffer.from(each?.data ?? 'missing')));
          assert.is(each?.orderingKey, orderingKey.toWellFormed());
          const expected = new Map(Object.entries(attributes).map(([k, v]) => [k.toWellFormed(), v.toWellFormed()]));
          assert.equal(new Map(Object.entries(each?.attributes ?? {})), expected);
        }
      }),
    );
  });

  test('hands attributes that came from Pub/Sub on as they are', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const receivedMessages = messages.map((each) => ({ ackId: 'a', message: each }));
        const response = Buffer.from(StreamingPullResponse.encode({ receivedMessages }).finish());
        const passed = decodePullResponse(response).messages.map(({ data, encodedAttributes, orderingKey }) => ({
          data,
          attributes: encodedAttributes,
          orderingKey,
        }));
        assert.equal(
          PublishRequest.decode(encodePublishRequest('t', passed)).toJSON(),
          PublishRequest.decode(encodePublishRequest('t', messages)).toJSON(),
        );
        for (const [index, each] of passed.entries()) {
          const { byteLength } = encodeMessage({ ...each, orderingKey: '' });
          assert.ok(checkLimits({ ...each, data: Buffer.alloc(1) }) >= byteLength - each.data.byteLength, `${index}`);
        }
      }),
    );
  });

  test('has no more bytes than the generated client needs', () => {
    const messages = [{ data: Buffer.from('x'), attributes: { kind: 'reading', süd: 'é' }, orderingKey: 'd1' }];
    const [ours, theirs] = [encodePublishRequest('t', messages), PublishRequest.encode({ topic: 't', messages })];
    assert.equal([...ours], [...theirs.finish()]);
  });
});
