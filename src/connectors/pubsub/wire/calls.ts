import protobuf from 'protobufjs/minimal.js';

/*
 * The rare calls of a service, in the fields of google/pubsub/v1/pubsub.proto. The generated codecs belong to a module
 * that takes 13 MB.
 */

const { Reader, Writer } = protobuf;

function tag(number: number, wireType: 0 | 2): number {
  return (number << 3) | wireType;
}

/**
 * Encodes a request whose first field names its resource: GetTopicRequest, GetSubscriptionRequest,
 * ListTopicSubscriptionsRequest.
 */
export function encodeName(name: string): Buffer {
  return Buffer.from(Writer.create().uint32(tag(1, 2)).string(name).finish());
}

export function encodeModifyAckDeadline(request: {
  readonly subscription: string;
  readonly ackIds: readonly string[];
  readonly ackDeadlineSeconds: number;
}): Buffer {
  const writer = Writer.create().uint32(tag(1, 2)).string(request.subscription);
  writer.uint32(tag(3, 0)).int32(request.ackDeadlineSeconds);
  for (const ackId of request.ackIds) writer.uint32(tag(4, 2)).string(ackId);
  return Buffer.from(writer.finish());
}

/** A StreamingPullRequest. The first one of a stream sets every field, and a keepalive none. */
export interface StreamingPullRequest {
  readonly subscription?: string;
  readonly streamAckDeadlineSeconds?: number;
  readonly clientId?: string;
  readonly maxOutstandingMessages?: number;
  readonly maxOutstandingBytes?: number;
  readonly protocolVersion?: number;
}

export function encodeStreamingPull({
  subscription = '',
  streamAckDeadlineSeconds = 0,
  clientId = '',
  maxOutstandingMessages = 0,
  maxOutstandingBytes = 0,
  protocolVersion = 0,
}: StreamingPullRequest): Buffer {
  const writer = Writer.create();
  if (subscription !== '') writer.uint32(tag(1, 2)).string(subscription);
  if (streamAckDeadlineSeconds !== 0) writer.uint32(tag(5, 0)).int32(streamAckDeadlineSeconds);
  if (clientId !== '') writer.uint32(tag(6, 2)).string(clientId);
  if (maxOutstandingMessages !== 0) writer.uint32(tag(7, 0)).int64(maxOutstandingMessages);
  if (maxOutstandingBytes !== 0) writer.uint32(tag(8, 0)).int64(maxOutstandingBytes);
  if (protocolVersion !== 0) writer.uint32(tag(10, 0)).int64(protocolVersion);
  return Buffer.from(writer.finish());
}

/** Decodes the fields of a Subscription that services use. */
export function decodeSubscription(bytes: Buffer): { topic: string; retryPolicy: Uint8Array | undefined } {
  const [topic] = fieldsOf(bytes, 2);
  const [retryPolicy] = fieldsOf(bytes, 14);
  return { topic: topic?.toString() ?? '', retryPolicy };
}

/** Decodes a ListTopicSubscriptionsResponse. */
export function decodeSubscriptionNames(bytes: Buffer): string[] {
  return fieldsOf(bytes, 1).map((name) => name.toString());
}

/** Returns the values of a length-delimited field. */
function fieldsOf(message: Buffer, number: number): Buffer[] {
  const fields: Buffer[] = [];
  const reader = Reader.create(message);
  while (reader.pos < reader.len) {
    const found = reader.uint32();
    if (found === tag(number, 2)) fields.push(Buffer.from(reader.bytes()));
    else reader.skipType(found & 7);
  }
  return fields;
}
