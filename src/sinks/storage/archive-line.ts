import { dataJson } from '../../core/envelope.ts';
import { payloadBase64 } from '../../core/enveloped-message.ts';
import type { Message } from '../../core/message.ts';

/** Those of a JSON text stand between its tokens, never in its strings. */
const LINE_BREAKS = /[\r\n]+/g;

/**
 * A message as a line of an archive object, as JSON with its line feed:
 * `{"id", "batchKey", "originalPubSubPayload": base64, "archivedAt", "publishTime", "attributes", "enrichmentData"}`.
 *
 * @param archivedAt RFC 3339.
 */
export function archiveLine(message: Message, batchKey: string, archivedAt: string): string {
  const { id, publishTime, attributes } = message;
  const names = `{"id":${JSON.stringify(id)},"batchKey":${JSON.stringify(batchKey)}`;
  const content = `"originalPubSubPayload":"${payloadBase64(message)}","archivedAt":"${archivedAt}"`;
  const rest = `"publishTime":"${publishTime}","attributes":${JSON.stringify(attributes)},"enrichmentData":${dataJson(message).replaceAll(LINE_BREAKS, ' ')}`;
  return `${names},${content},${rest}}\n`;
}
