/** The JSON argument of a process under test. */
export interface Task {
  /** The end of the names of every resource of this run. */
  readonly runId: string;
  readonly projectId: string;
  /** Messages until the end of the run. */
  readonly messages: number;
  /** True if each message's latency is measured: its payload holds the time of sending. */
  readonly paced: boolean;
  readonly maxInFlight: number;
  /** Devices that the messages come from. */
  readonly devices: number;
  /** The layer in which an enrich service finds the data of a key. */
  readonly lookup: 'memory' | 'redis' | 'firestore';
  /** Longest wait of a batch, in milliseconds; the same for every implementation. */
  readonly delayMs: number;
  /** True if a bare ingestion publishes its messages, false if it discards them. */
  readonly publishes: boolean;
  /** Routes of an ingestion; the first one gets all messages. */
  readonly routes: number;
  /** Orders an ingestion by device, or by this number of buckets. Default: no order. */
  readonly ordering?: 'device' | number | undefined;
}

/** The task of this process. */
export function task(): Task {
  return JSON.parse(process.argv[2] ?? '{}');
}

/** Names of what one run uses. */
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
    /** The one filter of whoever receives: by overlapping ones MQTT 5 brings a message more than once. */
    mqttFilter: mqttFilterOf(runId, 0),
    env: { GOOGLE_CLOUD_PROJECT: projectId, HTTP_PORT: '0', LOG_LEVEL: 'silent' },
  };
}

/** Returns the filter of a route of ingestion; all messages come by the first one. */
export function mqttFilterOf(runId: string, route: number): string {
  return `bench-${runId}/${route}/devices/+/readings`;
}
