import type { Message } from '../../core/message.ts';
import { newMessageId } from '../../util/message-id.ts';
import { rfc3339OfMillis } from '../../util/rfc3339.ts';
import type { MqttAckHandle } from './ack-handle.ts';

const NO_DATA = Object.freeze({});

/** A message as it came: MQTT gives neither an id nor a time, so both are of its receipt. */
export function toMessage({ original }: MqttAckHandle, nowMs: number): Message {
  return {
    id: newMessageId(nowMs),
    payload: original.data,
    publishTime: rfc3339OfMillis(nowMs),
    attributes: original.attributes,
    enrichmentData: NO_DATA,
  };
}
