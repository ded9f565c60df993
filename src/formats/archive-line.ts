import type { Message } from '../core/message.ts';
import { dataJson, payloadBase64 } from './envelope/envelope.ts';

/** JSON allows line breaks between tokens, never inside strings. */
const LINE_BREAKS = /[\r\n]+/g;

/** A line to be written: its text before and after `archivedAt`. */
export interface ArchiveLine {
  readonly head: string;
  readonly tail: string;
}

/** Returns the complete line, with its line feed. */
export function lineText({ head, tail }: ArchiveLine, archivedAt: string): string {
  return head + archivedAt + tail;
}

/**
 * Builds the archive line of a message, as JSON: `{"id", "batchKey", "originalPubSubPayload": base64, "archivedAt",
 * "publishTime", "attributes", "enrichmentData"}`. `archivedAt` (RFC 3339) is added when the object is written.
 */
export function archiveLine(message: Message, batchKey: string): ArchiveLine {
  const { id, publishTime, attributes } = message;
  const names = `{"id":${JSON.stringify(id)},"batchKey":${JSON.stringify(batchKey)}`;
  const content = `"originalPubSubPayload":"${payloadBase64(message)}","archivedAt":"`;
  const rest = `"publishTime":"${publishTime}","attributes":${JSON.stringify(attributes)},"enrichmentData":${dataJson(message).replaceAll(LINE_BREAKS, ' ')}`;
  return { head: `${names},${content}`, tail: `",${rest}}\n` };
}
