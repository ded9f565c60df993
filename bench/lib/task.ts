/** The JSON argument of a process under test. */
export interface Task {
  /** Suffix of the name of every resource of this run. */
  readonly runId: string;
  readonly projectId: string;
  /** Number of messages in the run. */
  readonly messages: number;
  /** True if each message's latency is measured: its payload contains the time of sending. */
  readonly paced: boolean;
  readonly maxInFlight: number;
  /** Number of devices. */
  readonly devices: number;
  /** The layer in which an enrich service finds a key's data. */
  readonly lookup: 'memory' | 'redis' | 'firestore';
  /** Maximum age of a batch in milliseconds, the same for every implementation. */
  readonly delayMs: number;
  /** True if a bare ingestion publishes its messages, false if it discards them. */
  readonly publishes: boolean;
  /** Routes of an ingestion; the first one gets all messages. */
  readonly routes: number;
  /** Orders an ingestion by device, or by this number of buckets. Default: no order. */
  readonly ordering?: 'device' | number | undefined;
  /** `mqtt.ackOrder` of an ingestion. Default: strict. */
  readonly ackOrder?: 'strict' | 'asCompleted';
}

/** The task of this process. */
export function task(): Task {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** Names of the resources of one run. */
export function namesOf({ runId, projectId }: Pick<Task, 'runId' | 'projectId'>) {
  return {
    input: `in-${runId}`,
    subscription: `in-${runId}`,
    output: `out-${runId}`,
    deadLetters: `dead-${runId}`,
    collection: `devices-${runId}`,
    bucket: `bench-${runId}`,
    dataset: `bench_${runId}`,
    table: 'readings',
    clientId: `bench-${runId}`,
    mqttTopic: `bench-${runId}/0/devices/device/readings`,
    /** The only filter of the receiver: with overlapping filters, MQTT 5 delivers a message more than once. */
    mqttFilter: mqttFilterOf(runId, 0),
    env: { GOOGLE_CLOUD_PROJECT: projectId, HTTP_PORT: '0', LOG_LEVEL: 'silent' },
  };
}

/** Returns the filter of an ingestion's route. All messages come through the first one. */
export function mqttFilterOf(runId: string, route: number): string {
  return `bench-${runId}/${route}/devices/+/readings`;
}
