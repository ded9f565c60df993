/** Pub/Sub to Pub/Sub, with what is known about a device added. */

export { type EnrichConfig, enrichSchema } from './config.ts';
export { createEnrich, type EnrichDependencies, type EnrichProbes } from './enrich.ts';
