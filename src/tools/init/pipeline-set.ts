import type { ServiceName } from '../../services/services.ts';
import { type InferredColumn, inferColumns } from './infer-columns.ts';

export interface PipelineSetOptions {
  /** Prefix of the names of all resources. */
  readonly name: string;
  /** Topic filter of the route. */
  readonly topic: string;
  /** A payload, parsed by `parseExact`. */
  readonly sample: unknown;
}

/** The text of each pipeline's YAML by service, and the inferred columns. */
export interface PipelineSet {
  readonly files: Readonly<Record<string, string>>;
  readonly columns: readonly InferredColumn[];
}

/** Member of a payload that contains the id of the message. */
const ID = 'message_id';

/** Writes four pipelines that carry the messages of a topic filter into a table with the columns of a sample. */
export function pipelineSet({ name, topic, sample }: PipelineSetOptions): PipelineSet {
  const hasId =
    typeof sample === 'object' && sample !== null && isId(Object.getOwnPropertyDescriptor(sample, ID)?.value);
  const deviceTopic = withDevice(topic);
  const known: InferredColumn[] = [
    { name: 'message_id', type: 'STRING', from: 'metadata.id' },
    { name: 'received_at', type: 'TIMESTAMP', from: 'metadata.publishTime' },
    { name: 'topic', type: 'STRING', from: 'attributes.mqtt_topic' },
    ...(deviceTopic === undefined
      ? []
      : ([
          { name: 'device_id', type: 'STRING', from: 'enrichmentData.DeviceID' },
          { name: 'device_name', type: 'STRING', from: 'enrichmentData.name' },
          { name: 'device_location', type: 'STRING', from: 'enrichmentData.location' },
        ] as const)),
  ];
  const columns = inferColumns(
    sample,
    known.map((column) => column.name),
    hasId ? [ID] : [],
  );
  const orderingKey =
    deviceTopic === undefined
      ? ''
      : `
    # Each device keeps its order. A request holds one ordering key: with buckets, it holds messages of many devices.
    orderingKey: { path: enrichmentData.DeviceID, buckets: 32 }`;
  const files = {
    ingestion: `${head(`MQTT to Pub/Sub: messages of ${topic}.`, 'ingestion', 8081)}
mqtt:
  url: \${MQTT_URL:\${MQTT_BROKER_URL:mqtt://127.0.0.1:1883}}
  # Left out where they are empty: the address may hold them.
  username: \${MQTT_USERNAME:~}
  password: \${MQTT_PASSWORD:~}
  # Stable across restarts, and different for each replica: the broker keeps the session under it.
  clientId: ${name}-ingestion-0
  # 4 (MQTT 3.1.1) for a broker that does not speak 5, such as the sandbox's.
  protocolVersion: \${MQTT_PROTOCOL_VERSION:5}
${hasId ? `\n# The device sets the ids of its messages.\nid: payload.${ID}\n` : ''}
routes:
  messages:
    source: { mqtt_topic: ${scalar(topic)}, qos: 1 }
    destination: { route_name: raw }${
      deviceTopic === undefined
        ? ''
        : `
    device: { topic: ${scalar(deviceTopic)} }`
    }

producers:
  raw:
    outputTopicId: ${name}-raw${orderingKey}

${deadLetters(name)}
${resources(name, 'ingestion')}
  topics:
    - topicId: ${name}-raw
    - topicId: ${name}-dead-letters
  subscriptions:
    - subscriptionId: ${name}-dead-letters
      topicId: ${name}-dead-letters
`,
    enrich: `${head("Pub/Sub to Pub/Sub: adds the device's data from Firestore to each message.", 'enrich', 8082)}
source:
  subscriptionId: ${name}-raw-enrich

lookup:
  memory: { maxEntries: 100000, ttlMs: 300000 }
  firestore:
    collection: \${DEVICES_COLLECTION:devices}

# Name in the enrichment data: field of the device's document.
apply: { name: name, location: location }
withoutKey: pass
withoutData: pass

output:
  topicId: ${name}-enriched${orderingKey.replaceAll('\n    ', '\n  ')}

${deadLetters(name)}
${resources(name, 'enrich')}
  topics:
    - topicId: ${name}-enriched
  subscriptions:
    - { subscriptionId: ${name}-raw-enrich, topicId: ${name}-raw, ordering: true }
`,
    icestore: `${head('Pub/Sub to Cloud Storage: gzip JSONL, by day.', 'icestore', 8083)}
source:
  subscriptionId: ${name}-raw-icestore

bucket:
  name: ${PROJECT}-${name}-archive
  prefix: raw

archive:
  maxAgeMs: \${ARCHIVE_MAX_AGE_MS:60000}

${deadLetters(name)}
${resources(name, 'icestore')}
  subscriptions:
    - { subscriptionId: ${name}-raw-icestore, topicId: ${name}-raw, ordering: true }
  buckets:
    - name: ${PROJECT}-${name}-archive
`,
    bigqueries: `${head('Pub/Sub to BigQuery: one row per message. The columns are those of sample.json.', 'bigqueries', 8084)}
source:
  subscriptionId: ${name}-enriched-bigqueries

table:
  datasetId: ${datasetOf(name)}
  tableId: messages
  partitioning: { type: DAY, field: received_at }${
    deviceTopic === undefined
      ? ''
      : `
  clustering: [device_id]`
  }
  schema:
${[...known, ...columns].map((column) => `    - ${flow(column)}`).join('\n')}

${deadLetters(name)}
${resources(name, 'bigqueries')}
  subscriptions:
    - { subscriptionId: ${name}-enriched-bigqueries, topicId: ${name}-enriched, ordering: true }
  datasets:
    - datasetId: ${datasetOf(name)}
  tables:
    # Its columns are those of "table", above.
    - { datasetId: ${datasetOf(name)}, tableId: messages }
`,
  };
  return { files, columns };
}

/** The sandbox's, unless another is set. */
const PROJECT = `\${GOOGLE_CLOUD_PROJECT:\${PROJECT_ID:sandbox}}`;

function head(title: string, service: ServiceName, port: number): string {
  return `# ${title.replaceAll(/\p{Cc}+/gu, ' ')}
service: ${service}

google:
  projectId: ${PROJECT}

http:
  port: \${HTTP_PORT:\${PORT:${port}}}

log:
  level: \${LOG_LEVEL:info}
`;
}

function deadLetters(name: string): string {
  return `deadLetters:
  topicId: ${name}-dead-letters
  # Where they wait, and where \`npm run cli -- dead-letters …\` reads them.
  subscriptionId: ${name}-dead-letters
`;
}

function resources(name: string, service: ServiceName): string {
  return `# What \`npm run cli -- provision\` creates, and \`teardown\` deletes. The service does not read it.
resources:
  owner: ${name}-${service}`;
}

/** Dataset names have no hyphens. */
function datasetOf(name: string): string {
  return name.replaceAll('-', '_');
}

/** The topic with its first `+` as the device; undefined if no level of the filter is a device. */
function withDevice(topic: string): string | undefined {
  const levels = topic.split('/');
  const place = levels.indexOf('+');
  // Braces in a level would be read as a name.
  if (place < 0 || /[{}]/.test(topic)) return undefined;
  return levels.with(place, '{DeviceID}').join('/');
}

function isId(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

const PLAIN = /^[A-Za-z][\w.]*$/;
/** Words that YAML reads as something else, in some version. */
const NOT_TEXT = /^(?:true|false|yes|no|on|off|null|y|n)$/i;

function scalar(text: string): string {
  return PLAIN.test(text) && !NOT_TEXT.test(text) ? text : JSON.stringify(text);
}

/** A column in one line of YAML. */
function flow(column: InferredColumn): string {
  const members = Object.entries(column).map(([key, value]) =>
    Array.isArray(value) ? `${key}: [${value.map(flow).join(', ')}]` : `${key}: ${scalar(String(value))}`,
  );
  return `{ ${members.join(', ')} }`;
}
