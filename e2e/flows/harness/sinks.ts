import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { type Message, PubSub } from '@google-cloud/pubsub';
import { CRC32C } from '@google-cloud/storage';
import * as assert from 'uvu/assert';
import { createBigQueryClient } from '../../../src/connectors/bigquery/client.ts';
import { createStorageClient } from '../../../src/connectors/storage/client.ts';
import { receiveMessages } from '../../../src/testing/receive-messages.ts';
import type { RunResources } from '../../../src/tools/demo/run-resources.ts';

/** A row of the table that `pipelines/bigqueries` writes; times as RFC 3339. */
export interface Row {
  readonly message_id: string;
  readonly received_at: string;
  readonly device_id: string;
  readonly client: string | null;
  readonly location: string | null;
  readonly service_tag: string | null;
  readonly topic: string;
  readonly sequence: number;
  readonly taken_at: string;
  readonly temperature: number;
  readonly humidity: number;
  readonly battery: number;
}

/** All rows of a run's table, by message id; two rows of one id fail. */
export async function readRows({ projectId, dataset, table }: RunResources): Promise<Map<string, Row>> {
  const [rows] = await createBigQueryClient({ projectId }).query({
    query: `SELECT message_id, received_at, device_id, client, location, service_tag, topic, sequence, taken_at,
              temperature, humidity, battery
            FROM \`${projectId}.${dataset}.${table}\``,
  });
  const found = new Map<string, Row>();
  for (const row of rows) {
    assert.not(found.has(row.message_id), `two rows of ${row.message_id}`);
    found.set(row.message_id, { ...row, received_at: row.received_at.value, taken_at: row.taken_at?.value ?? '' });
  }
  return found;
}

/** A line of an archive object. */
export interface ArchivedLine {
  readonly id: string;
  readonly batchKey: string;
  readonly originalPubSubPayload: string;
  readonly archivedAt: string;
  readonly publishTime?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly enrichmentData?: Readonly<Record<string, unknown>>;
}

export interface ArchivedObject {
  readonly name: string;
  readonly lines: readonly ArchivedLine[];
}

/** Reads all objects of a run's bucket. Each must match its checksums, be gzip, and contain lines. */
export async function readArchive({ projectId, bucket }: RunResources): Promise<ArchivedObject[]> {
  const [files] = await createStorageClient({ projectId }).bucket(bucket).getFiles();
  return Promise.all(
    files.map(async (file) => {
      const [content] = await file.download({ decompress: false });
      const crc32c = new CRC32C();
      crc32c.update(content);
      assert.is(file.metadata.crc32c, crc32c.toString(), `crc32c of ${file.name}`);
      assert.is(file.metadata.md5Hash, createHash('md5').update(content).digest('base64'), `MD5 of ${file.name}`);
      const lines = gunzipSync(content).toString('utf8').trimEnd().split('\n');
      return { name: file.name, lines: lines.map((line): ArchivedLine => JSON.parse(line)) };
    }),
  );
}

/** Collects the messages of a subscription, each once, and acknowledges them on arrival. */
export interface WatchedTopic {
  readonly messages: readonly Message[];
  close(): Promise<void>;
}

/** Receives from a subscription with the official high-level client. */
export function watchTopic(
  { projectId }: RunResources,
  subscription: string,
  onMessage: (message: Message) => void = () => {},
): WatchedTopic {
  const pubsub = new PubSub({ projectId });
  const receiving = pubsub.subscription(subscription, { flowControl: { maxMessages: 10_000 } });
  const messages = receiveMessages(receiving, onMessage);
  receiving.on('error', () => {});
  return {
    messages,
    close: async () => {
      await receiving.close();
      await pubsub.close();
    },
  };
}
