import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import * as v from 'valibot';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import type { RunResources } from '../src/tools/demo/run-resources.ts';

const decompress = promisify(gunzip);

const archiveLine = v.looseObject({
  id: v.string(),
  batchKey: v.string(),
  originalPubSubPayload: v.string(),
  archivedAt: v.string(),
  publishTime: v.string(),
  attributes: v.record(v.string(), v.string()),
});

/** Every line of a run's archive. */
export async function readLines({
  projectId,
  bucket,
}: Pick<RunResources, 'projectId' | 'bucket'>): Promise<v.InferOutput<typeof archiveLine>[]> {
  const [files] = await createStorageClient({ projectId }).bucket(bucket).getFiles();
  const lines: v.InferOutput<typeof archiveLine>[] = [];
  for (const file of files) {
    const [content] = await file.download();
    for (const line of (await decompress(content)).toString('utf8').split('\n')) {
      if (line !== '') lines.push(v.parse(archiveLine, JSON.parse(line)));
    }
  }
  return lines;
}
