/** Names of all resources of one run of the whole platform; each contains the run's id. */
export interface RunResources {
  readonly runId: string;
  readonly projectId: string;
  readonly topics: { readonly raw: string; readonly enriched: string; readonly deadLetters: string };
  readonly subscriptions: {
    readonly enrich: string;
    readonly icestore: string;
    readonly bigqueries: string;
    readonly deadLetters: string;
  };
  readonly collection: string;
  readonly bucket: string;
  readonly dataset: string;
  readonly table: string;
  /** The environment that points the pipelines in `pipelines/` to them. */
  readonly env: Readonly<Record<string, string>>;
}

/** Names a run's resources. */
export function namedResources(runId: string, projectId: string): RunResources {
  const topics = { raw: `raw-${runId}`, enriched: `enriched-${runId}`, deadLetters: `dead-letters-${runId}` };
  const subscriptions = {
    enrich: `raw-enrich-${runId}`,
    icestore: `raw-icestore-${runId}`,
    bigqueries: `enriched-bigqueries-${runId}`,
    deadLetters: `dead-letters-${runId}`,
  };
  const collection = `devices-${runId}`;
  const bucket = `archive-${runId}`;
  const dataset = `telemetry_${runId}`;
  return {
    runId,
    projectId,
    topics,
    subscriptions,
    collection,
    bucket,
    dataset,
    table: 'readings',
    env: {
      GOOGLE_CLOUD_PROJECT: projectId,
      HTTP_PORT: '0',
      RESOURCE_OWNER: `run-${runId}`,
      MQTT_CLIENT_ID: `ingestion-${runId}`,
      RAW_TOPIC: topics.raw,
      ENRICHED_TOPIC: topics.enriched,
      DEAD_LETTER_TOPIC: topics.deadLetters,
      DEAD_LETTER_SUBSCRIPTION: subscriptions.deadLetters,
      ENRICH_SUBSCRIPTION: subscriptions.enrich,
      ICESTORE_SUBSCRIPTION: subscriptions.icestore,
      BIGQUERY_SUBSCRIPTION: subscriptions.bigqueries,
      DEVICES_COLLECTION: collection,
      REDIS_PREFIX: `${runId}:`,
      ARCHIVE_BUCKET: bucket,
      ARCHIVE_MAX_AGE_MS: '1000',
      BIGQUERY_DATASET: dataset,
      BIGQUERY_TABLE: 'readings',
    },
  };
}
