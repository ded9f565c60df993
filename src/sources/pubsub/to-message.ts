import type { Message } from '../../core/message.ts';
import { rfc3339 } from '../../core/rfc3339.ts';
import type { PubSubMessage } from './pull-stream.ts';

/** A message as it came, before its envelope is opened: the id is Pub/Sub's, the time that of the publish. */
export function toMessage(received: PubSubMessage): Message {
  const time = received.publishTime;
  return {
    id: received.messageId,
    payload: received.data,
    publishTime: time === null ? new Date().toISOString() : rfc3339(Number(time.seconds), time.nanos),
    attributes: received.attributes,
    enrichmentData: {},
  };
}
