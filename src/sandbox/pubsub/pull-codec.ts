import { AckIds } from './ack-id.ts';
import { lengthDelimited, Reader, varintField } from './wire.ts';

export interface AcknowledgeRequest {
  readonly subscription: string;
  readonly ackIds: AckIds;
}

export interface ModifyAckDeadlineRequest extends AcknowledgeRequest {
  readonly ackDeadlineSeconds: number;
}

export interface StreamingPullRequest {
  readonly subscription: string;
  readonly ackIds: AckIds;
  readonly modifyAckIds: AckIds;
  /** One for each of `modifyAckIds`. */
  readonly modifySeconds: readonly number[];
  readonly streamAckDeadlineSeconds: number;
  readonly maxOutstandingMessages: number;
  readonly maxOutstandingBytes: number;
  readonly protocolVersion: number;
}

function readAckId(reader: Reader, ackIds: AckIds): void {
  const limit = reader.limit();
  ackIds.add(reader.at, limit);
  reader.at = limit;
}

/** Reads an AcknowledgeRequest, and a ModifyAckDeadlineRequest with its numbers: ack ids are field 2 or 4. */
export function decodeAckRequest(body: Buffer): ModifyAckDeadlineRequest {
  const reader = new Reader(body);
  const ackIds = new AckIds(body);
  let subscription = '';
  let ackDeadlineSeconds = 0;
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === 0x12 || tag === 0x22) readAckId(reader, ackIds);
    else if (tag === 0x0a) subscription = reader.string();
    else if (tag === 0x18) ackDeadlineSeconds = reader.signed();
    else reader.skip(tag);
  }
  return { subscription, ackIds, ackDeadlineSeconds };
}

export function decodeStreamingPullRequest(body: Buffer): StreamingPullRequest {
  const reader = new Reader(body);
  const request = {
    subscription: '',
    ackIds: new AckIds(body),
    modifyAckIds: new AckIds(body),
    modifySeconds: [] as number[],
    streamAckDeadlineSeconds: 0,
    maxOutstandingMessages: 0,
    maxOutstandingBytes: 0,
    protocolVersion: 0,
  };
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === 0x12) readAckId(reader, request.ackIds);
    else if (tag === 0x22) readAckId(reader, request.modifyAckIds);
    else if (tag === 0x1a) {
      for (const limit = reader.limit(); reader.at < limit; ) request.modifySeconds.push(reader.signed());
    } else if (tag === 0x18) request.modifySeconds.push(reader.signed());
    else if (tag === 0x0a) request.subscription = reader.string();
    else if (tag === 0x28) request.streamAckDeadlineSeconds = reader.signed();
    else if (tag === 0x38) request.maxOutstandingMessages = reader.signed();
    else if (tag === 0x40) request.maxOutstandingBytes = reader.signed();
    else if (tag === 0x50) request.protocolVersion = reader.signed();
    else reader.skip(tag);
  }
  return request;
}

/** StreamingPullResponse.subscription_properties, which tells the client how to acknowledge. */
export function encodeProperties(exactlyOnce: boolean, ordered: boolean): Buffer {
  return lengthDelimited(4, Buffer.concat([varintField(1, Number(exactlyOnce)), varintField(2, Number(ordered))]));
}

/** StreamingPullResponse.acknowledge_confirmation (5) or modify_ack_deadline_confirmation (3). */
export function encodeConfirmation(field: 3 | 5, done: readonly string[], invalid: readonly string[]): Buffer {
  return lengthDelimited(
    field,
    Buffer.concat([
      ...done.map((ackId) => lengthDelimited(1, ackId)),
      ...invalid.map((ackId) => lengthDelimited(2, ackId)),
    ]),
  );
}
