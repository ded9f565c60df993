import { asBuffer } from '../../core/bytes.ts';
import { PoisonError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';

/**
 * A message as a line of an archive object, as JSON with its line feed:
 * `{"id", "batchKey", "originalPubSubPayload": base64, "archivedAt", "publishTime", "attributes", "enrichmentData"}`.
 */
export function archiveLine(message: Message, batchKey: string, archivedAt: string): string {
  try {
    return `${JSON.stringify({
      id: message.id,
      batchKey,
      originalPubSubPayload: asBuffer(message.payload).toString('base64'),
      archivedAt,
      publishTime: message.publishTime,
      attributes: message.attributes,
      enrichmentData: message.enrichmentData,
    })}\n`;
  } catch (thrown) {
    throw new PoisonError('rejected', 'the enrichment data cannot be written as JSON', { cause: thrown });
  }
}
