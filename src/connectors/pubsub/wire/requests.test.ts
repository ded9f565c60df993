import { protos } from '@google-cloud/pubsub';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { encodeEnvelope, envelopeOf, openEnvelope } from '../../../formats/envelope/envelope.ts';
import { suite } from '../../../testing/suite.ts';
import { testMessage } from '../../../testing/test-context.ts';
import { checkLimits, isReserved, withoutReserved } from '../limits.ts';
import { EncodedAttributes } from './protobuf.ts';
import { decodePullResponse } from './pull-response.ts';
import { publishRequest } from './requests.ts';

const { PublishRequest, StreamingPullResponse } = protos.google.pubsub.v1;

suite('a publish request', ({ test }) => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ minLength: 100, maxLength: 300 }));
  const message = fc.record({
    data: fc.uint8Array({ maxLength: 40_000, size: 'max' }),
    attributes: fc.dictionary(fc.oneof(text, fc.constant('__proto__')), text, { maxKeys: 4 }),
    orderingKey: fc.oneof(fc.constant(''), text),
  });

  test("equals the generated client's", () => {
    fc.assert(
      fc.property(text, fc.array(message, { maxLength: 5 }), (topic, messages) => {
        const sent = PublishRequest.decode(publishRequest(topic, messages));
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

  test('contains the envelopes of messages, with and without an original one', () => {
    const fields = fc.record({
      id: fc.string({ minLength: 1, unit: 'binary' }),
      payload: fc.uint8Array({ maxLength: 200 }),
      enrichmentData: fc.dictionary(text, fc.jsonValue(), { maxKeys: 3 }),
    });
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 5 }), (all) => {
        const plain = all.map((each) => testMessage(each));
        const opened = plain.map((each) => openEnvelope(testMessage({ payload: encodeEnvelope(each) })));
        for (const messages of [plain, opened]) {
          const outgoing = messages.map((each) => ({ data: envelopeOf(each), attributes: {}, orderingKey: '' }));
          const sent = PublishRequest.decode(publishRequest('t', outgoing)).messages;
          assert.equal(
            sent.map(({ data }) => `${data}`),
            plain.map((each) => `${encodeEnvelope(each)}`),
          );
        }
      }),
    );
  });

  test('copies attributes from Pub/Sub unchanged', () => {
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
          PublishRequest.decode(publishRequest('t', passed)).toJSON(),
          PublishRequest.decode(publishRequest('t', messages)).toJSON(),
        );
        for (const [index, each] of passed.entries()) {
          const { byteLength } = publishRequest('', [each]);
          assert.ok(checkLimits({ ...each, data: Buffer.alloc(1) }) >= byteLength - each.data.byteLength, `${index}`);
        }
      }),
    );
  });

  test('finds and omits reserved names among them', () => {
    const reserved = ['goog', 'Google', 'googclient_schemaencoding'];
    const taken = ['goo', 'agoog', 'googclient_traceparent'];
    fc.assert(
      fc.property(fc.array(fc.oneof(text, fc.constantFrom(...reserved, ...taken))), (all) => {
        const attributes = Object.fromEntries(all.map((name) => [name, 'v']));
        const response = { receivedMessages: [{ ackId: 'a', message: { data: Buffer.from('x'), attributes } }] };
        const [received] = decodePullResponse(Buffer.from(StreamingPullResponse.encode(response).finish())).messages;
        if (received === undefined) throw new Error('a message is missing');
        const { encodedAttributes } = received;
        const carried = withoutReserved(encodedAttributes);
        assert.is(carried === encodedAttributes, !all.some(isReserved));
        const expected = Object.fromEntries(all.filter((name) => !isReserved(name)).map((name) => [name, 'v']));
        assert.equal(carried instanceof EncodedAttributes ? carried.decode() : carried, expected);
        assert.equal(withoutReserved(attributes), expected);
      }),
    );
    assert.equal(reserved.map(isReserved), [true, true, true]);
    assert.equal(taken.map(isReserved), [false, false, false]);
  });

  test("has no more bytes than the generated client's", () => {
    const messages = [{ data: Buffer.from('x'), attributes: { kind: 'reading', süd: 'é' }, orderingKey: 'd1' }];
    const [ours, theirs] = [publishRequest('t', messages), PublishRequest.encode({ topic: 't', messages })];
    assert.equal([...ours], [...theirs.finish()]);
  });
});
