import { createBigQueryClient } from '../../src/connectors/bigquery/client.ts';
import type { RunResources } from '../../src/tools/demo/run-resources.ts';
import type { Reading } from '../../src/tools/load/fleet.ts';
import { readLines } from '../read-lines.ts';

/** The contents of a sink, compared with the published readings. */
export interface Comparison {
  readonly entries: number;
  /** Readings in the sink, each counted once. */
  readonly arrived: number;
  readonly lost: number;
  /** Entries that no device has sent: with another id, topic or value. */
  readonly strange: number;
}

/** Topic, id and counter of a reading, as in each sink. */
type Content = string;

const contentOf = (topic: unknown, id: unknown, counter: unknown): Content => `${topic} ${id} ${counter}`;

/** The contents of readings whose payload comes from a fleet with `sharedIds`. */
export function publishedContents(readings: Iterable<Reading>): ReadonlySet<Content> {
  return new Set(Array.from(readings, ({ topic, id }) => contentOf(topic, id, id)));
}

export async function rowContents({ projectId, dataset, table }: RunResources): Promise<Content[]> {
  const query = `SELECT message_id, topic, CAST(sequence AS STRING) AS counter FROM \`${projectId}.${dataset}.${table}\``;
  const [rows] = await createBigQueryClient({ projectId }).query({ query });
  return rows.map(({ message_id, topic, counter }) => contentOf(topic, message_id, counter));
}

export async function lineContents(resources: RunResources): Promise<Content[]> {
  return (await readLines(resources)).map(({ id, attributes, originalPubSubPayload }) => {
    const payload = Buffer.from(originalPubSubPayload, 'base64').toString();
    return contentOf(attributes.mqtt_topic, id, /"sequence":(\d+)/.exec(payload)?.[1]);
  });
}

export function compare(published: ReadonlySet<Content>, found: readonly Content[]): Comparison {
  const distinct = new Set(found);
  const arrived = [...distinct].filter((content) => published.has(content)).length;
  return {
    entries: found.length,
    arrived,
    lost: published.size - arrived,
    strange: found.filter((content) => !published.has(content)).length,
  };
}
