/** MQTT to Pub/Sub. */

export { type IngestionConfig, ingestionSchema } from './config.ts';
export { createIngestion, type IngestionDependencies, type IngestionProbes } from './ingestion.ts';
