import { randomBytes } from 'node:crypto';
import { type Bucket, CRC32C } from '@google-cloud/storage';

export interface ObjectToInsert {
  readonly name: string;
  readonly content: Buffer;
  readonly contentType: string;
  /** Custom metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes a new object in one multipart request; Cloud Storage checks its CRC32C.
 *
 * `File.save` does the same through streams, but takes 775 µs of CPU time for a small object instead of 460. It sends
 * its own request through the public `bucket.request`, too.
 *
 * https://cloud.google.com/storage/docs/json_api/v1/objects/insert
 */
export async function insertObject(
  bucket: Bucket,
  { name, content, contentType, metadata }: ObjectToInsert,
): Promise<void> {
  const crc32c = new CRC32C();
  crc32c.update(content);
  const fields = JSON.stringify({ contentType, metadata, crc32c: crc32c.toString() });
  const boundary = randomBytes(16).toString('hex');
  await bucket.request({
    method: 'POST',
    uri: `${bucket.storage.apiEndpoint}/upload/storage/v1/b/${bucket.name}/o`,
    qs: { uploadType: 'multipart', name, ifGenerationMatch: 0 },
    headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
    body: Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Type: application/json; charset=utf-8\r\n\r\n${fields}\r\n`),
      Buffer.from(`--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`),
      content,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
  });
}
