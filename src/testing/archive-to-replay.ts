import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';

/** Lines of the Go platform, and of a program that archives payloads with only the required fields. */
const FOREIGN = readFileSync(join(import.meta.dirname, '../../e2e/flows/fixtures/archive.jsonl'));

const line = (device: string, sequence: number): string =>
  JSON.stringify({
    id: `${device}-${sequence}`,
    batchKey: '2026/01/01',
    originalPubSubPayload: Buffer.from(JSON.stringify({ device_id: device, sequence })).toString('base64'),
    archivedAt: '2026-01-01T01:00:00.000Z',
    publishTime: new Date(Date.UTC(2026, 0, 1) + sequence * 1_000).toISOString(),
    attributes: { mqtt_topic: `sites/hall/devices/${device}/readings`, route_name: 'raw' },
    enrichmentData: { DeviceID: device },
  });

/**
 * Creates the bucket `archive` for tests of the command `replay`: 1,000 messages of the devices `a` and `b`, one per
 * second each from 2026-01-01T00:00:00Z, under `own/`, and three lines of other programs under `foreign/`.
 */
export async function createArchiveToReplay(projectId: string): Promise<void> {
  const storage = new Storage({ projectId, authClient: new PassThroughClient() });
  await storage.createBucket('archive');
  const save = (name: string, content: Buffer) => storage.bucket('archive').file(name).save(content);
  // Both objects contain lines of both devices, unordered: only their times give the order.
  const lines = ['a', 'b'].flatMap((device) => Array.from({ length: 500 }, (_, index) => line(device, index)));
  const odd = lines.filter((_, index) => index % 2 === 1).toReversed();
  const even = lines.filter((_, index) => index % 2 === 0);
  await save('own/2026/01/01/1.jsonl.gz', gzipSync(`${odd.join('\n')}\n`));
  await save('own/2026/01/01/2.jsonl.gz', gzipSync(`${even.join('\n')}\n`));
  await save('foreign/2026/03/04/hall/x.jsonl.gz', gzipSync(FOREIGN));
}
