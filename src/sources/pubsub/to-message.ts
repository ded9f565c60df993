import type { Message } from '../../core/message.ts';
import { rfc3339 } from '../../core/rfc3339.ts';
import type { ReceivedMessage } from './pull-response.ts';

const NO_DATA = Object.freeze({});

/** A message as it came, before its envelope is opened: the id is Pub/Sub's, the time that of the publish. */
export function toMessage({ messageId, data, attributes, publishSeconds, publishNanos }: ReceivedMessage): Message {
  return {
    id: messageId,
    payload: data,
    publishTime: publishSeconds === undefined ? new Date().toISOString() : rfc3339(publishSeconds, publishNanos),
    attributes,
    enrichmentData: NO_DATA,
  };
}
