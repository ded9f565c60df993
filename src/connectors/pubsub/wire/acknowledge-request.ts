import { ProtobufWriter } from './protobuf-writer.ts';

/** Tags of google/pubsub/v1/pubsub.proto: field number and wire type 2 (length-delimited). */
const SUBSCRIPTION = (1 << 3) | 2;
const ACK_IDS = (2 << 3) | 2;

const writer = new ProtobufWriter();

/**
 * Encodes a `google.pubsub.v1.AcknowledgeRequest` in one pass, since its cost applies to each message.
 *
 * @param subscription full name: `projects/p/subscriptions/s`.
 */
export function encodeAcknowledgeRequest(subscription: string, ackIds: readonly string[]): Buffer {
  writer.clear();
  writer.text(SUBSCRIPTION, subscription);
  for (const ackId of ackIds) writer.text(ACK_IDS, ackId);
  return writer.take();
}
