import { ACK_ID_LENGTH, writeAckId } from './ack-id.ts';
import type { Entry } from './entry.ts';
import { MESSAGE_ID_LENGTH, writeMessageId } from './message-id.ts';
import { varintSize, writeVarint } from './wire.ts';

/** Seconds (5 bytes from 2004 to 3058) and nanoseconds, each a tag and a varint, behind a tag and a length. */
const PUBLISH_TIME_BYTES = 2 + 6 + 6;
const ADDED_BYTES = 2 + MESSAGE_ID_LENGTH + PUBLISH_TIME_BYTES;

/**
 * Encodes leased entries as `received_messages`, which is field 1 of PullResponse and of StreamingPullResponse alike,
 * followed by `tail`. A message is the publisher's bytes, with id and publish time added behind: where the publisher
 * set these output-only fields himself, the later value counts.
 */
export function encodeReceivedMessages(entries: readonly Entry[], withAttempts: boolean, tail: Uint8Array): Buffer {
  let total = tail.length;
  for (const entry of entries) {
    const size = receivedSize(entry, withAttempts);
    total += 1 + varintSize(size) + size;
  }
  const target = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const entry of entries) {
    target[at] = 0x0a;
    at = writeVarint(target, at + 1, receivedSize(entry, withAttempts));
    at = writeReceived(target, at, entry, withAttempts);
  }
  target.set(tail, at);
  return target;
}

function receivedSize(entry: Entry, withAttempts: boolean): number {
  const message = entry.size + ADDED_BYTES;
  const attempt = withAttempts ? 1 + varintSize(entry.failures + 1) : 0;
  return 2 + ACK_ID_LENGTH + 1 + varintSize(message) + message + attempt;
}

function writeReceived(target: Buffer, start: number, entry: Entry, withAttempts: boolean): number {
  const { message } = entry;
  const { published } = message;
  target[start] = 0x0a;
  target[start + 1] = ACK_ID_LENGTH;
  writeAckId(target, start + 2, entry.slot, entry.generation);
  let at = start + 2 + ACK_ID_LENGTH;
  target[at] = 0x12;
  at = writeVarint(target, at + 1, entry.size + ADDED_BYTES);
  published.bytes.copy(target, at, message.start, message.end);
  at += entry.size;
  target[at] = 0x1a;
  target[at + 1] = MESSAGE_ID_LENGTH;
  writeMessageId(target, at + 2, published.firstId + message.index);
  at = writePublishTime(target, at + 2 + MESSAGE_ID_LENGTH, published.publishTimeMs);
  if (!withAttempts) return at;
  target[at] = 0x18;
  return writeVarint(target, at + 1, entry.failures + 1);
}

function writePublishTime(target: Buffer, at: number, publishTimeMs: number): number {
  const seconds = Math.floor(publishTimeMs / 1000);
  target[at] = 0x22;
  target[at + 1] = PUBLISH_TIME_BYTES - 2;
  target[at + 2] = 0x08;
  writeFiveBytes(target, at + 3, seconds);
  target[at + 8] = 0x10;
  writeFiveBytes(target, at + 9, (publishTimeMs - seconds * 1000) * 1_000_000);
  return at + PUBLISH_TIME_BYTES;
}

/** A varint padded to five bytes, which every decoder takes: the size is known beforehand. */
function writeFiveBytes(target: Buffer, at: number, value: number): void {
  target[at] = (value & 0x7f) | 0x80;
  target[at + 1] = ((value >>> 7) & 0x7f) | 0x80;
  target[at + 2] = ((value >>> 14) & 0x7f) | 0x80;
  target[at + 3] = ((value >>> 21) & 0x7f) | 0x80;
  target[at + 4] = (value / 2 ** 28) & 0x7f;
}
