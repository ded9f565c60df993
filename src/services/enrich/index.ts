/** Pub/Sub to Pub/Sub, adding data about the device. */

export { type EnrichConfig, enrichSchema } from './config.ts';
export { createEnrich, type EnrichDependencies, type EnrichProbes } from './enrich.ts';
