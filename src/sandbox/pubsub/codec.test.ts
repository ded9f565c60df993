import { createRequire } from 'node:module';
import { type AnyDefinition, fromJSON, type MessageTypeDefinition } from '@grpc/proto-loader';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { encodeReceivedMessages } from './delivery-codec.ts';
import { Entry } from './entry.ts';
import { LeaseTable } from './lease-table.ts';
import { encodePublishResponse } from './message-id.ts';
import { decodePublishRequest } from './publish-codec.ts';
import { decodeAckRequest, decodeStreamingPullRequest, encodeConfirmation, encodeProperties } from './pull-codec.ts';

const require = createRequire(import.meta.url);
const protos = fromJSON(require('@google-cloud/pubsub/build/protos/protos.json'), { longs: Number, arrays: true });

type MessageType = MessageTypeDefinition<object, object>;
const isMessage = (definition: AnyDefinition | undefined): definition is MessageType =>
  definition !== undefined && 'serialize' in definition;

/** protobufjs, which the official client uses, is the judge of what is written and read here. */
function proto(name: string): MessageType {
  const definition = protos[`google.pubsub.v1.${name}`];
  if (!isMessage(definition)) throw new Error(`no message ${name}`);
  return definition;
}

const owner = { due: () => {} };

function leased(message: object, count: number): Entry[] {
  const bytes = proto('PublishRequest').serialize({ topic: 't', messages: Array(count).fill(message) });
  const request = decodePublishRequest(bytes);
  const published = { bytes, publishTimeMs: 1_700_000_000_123, firstId: 1_700_000_000_999_999 };
  const leases = new LeaseTable();
  return request.messages.map((at, index) => {
    const entry = new Entry({ published, index, ...at }, owner);
    leases.grant(entry);
    return entry;
  });
}

suite('Pub/Sub codec', ({ test }) => {
  for (const size of [0, 1, 100, 127, 128, 16_000, 70_000]) {
    test(`delivers a message of ${size} bytes with id, time and attempt`, () => {
      const data = Buffer.alloc(size, 'x');
      const message = { data, attributes: { a: '1', ü: 'ö' }, orderingKey: 'key' };
      const body = encodeReceivedMessages(leased(message, 3), true, encodeProperties(true, false));
      const { ackId, ...rest } = Object(proto('StreamingPullResponse').deserialize(body)).receivedMessages[2];
      assert.match(ackId, /^[0-9a-f]{16}$/);
      assert.equal(rest, {
        message: {
          ...message,
          messageId: '1700000001000001',
          publishTime: { seconds: 1_700_000_000, nanos: 123_000_000 },
        },
        deliveryAttempt: 1,
      });
    });
  }

  test('id and publish time of the publisher do not count', () => {
    const message = { data: Buffer.from('x'), messageId: 'mine', publishTime: { seconds: 5, nanos: 7 } };
    const body = encodeReceivedMessages(leased(message, 1), false, Buffer.alloc(0));
    const [received] = Object(proto('PullResponse').deserialize(body)).receivedMessages;
    assert.is(received.message.messageId, '1700000000999999');
    assert.equal(received.message.publishTime, { seconds: 1_700_000_000, nanos: 123_000_000 });
  });

  test('ack ids come back as the lease they were given for', () => {
    const entries = leased({ data: Buffer.from('x') }, 300);
    const body = encodeReceivedMessages(entries, false, Buffer.alloc(0));
    const received: { ackId: string }[] = Object(proto('PullResponse').deserialize(body)).receivedMessages;
    const ackIds = [...received.map((message) => message.ackId), 'garbage', 'not-hexadecimal!'];
    const request = { subscription: 's', ackIds, ackDeadlineSeconds: 17 };
    const decoded = decodeAckRequest(proto('ModifyAckDeadlineRequest').serialize(request));
    assert.is(decoded.subscription, 's');
    assert.is(decoded.ackDeadlineSeconds, 17);
    assert.equal(decoded.ackIds.slots, [...entries.map((entry) => entry.slot), -1, -1]);
    assert.equal(
      decoded.ackIds.generations.slice(0, 300),
      entries.map((entry) => entry.generation),
    );
    assert.is(decoded.ackIds.text(300), 'garbage');
    assert.is(
      decodeAckRequest(proto('AcknowledgeRequest').serialize({ subscription: 's', ackIds })).ackIds.length,
      302,
    );
  });

  test('reads a streaming pull request', () => {
    const request = {
      subscription: 's',
      ackIds: ['a'],
      modifyDeadlineAckIds: ['b', 'c'],
      modifyDeadlineSeconds: [0, 600],
      streamAckDeadlineSeconds: 60,
      maxOutstandingMessages: 1000,
      maxOutstandingBytes: -1,
      clientId: 'someone',
      protocolVersion: 1,
    };
    const decoded = decodeStreamingPullRequest(proto('StreamingPullRequest').serialize(request));
    assert.is(decoded.subscription, 's');
    assert.is(decoded.ackIds.text(0), 'a');
    assert.is(decoded.modifyAckIds.text(1), 'c');
    assert.equal(decoded.modifySeconds, [0, 600]);
    assert.is(decoded.streamAckDeadlineSeconds, 60);
    assert.is(decoded.maxOutstandingMessages, 1000);
    assert.is(decoded.maxOutstandingBytes < 0, true);
    assert.is(decoded.protocolVersion, 1);
  });

  test('writes publish responses and confirmations', () => {
    const published = proto('PublishResponse').deserialize(encodePublishResponse(1_795_455_048_999_999, 2));
    assert.equal(published, { messageIds: ['1795455048999999', '1795455049000000'] });
    const confirmed = Object(proto('StreamingPullResponse').deserialize(encodeConfirmation(5, ['a', 'b'], ['c'])));
    assert.equal(confirmed.acknowledgeConfirmation.ackIds, ['a', 'b']);
    assert.equal(confirmed.acknowledgeConfirmation.invalidAckIds, ['c']);
  });
});
