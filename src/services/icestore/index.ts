/** Pub/Sub to Cloud Storage. */

export { type IcestoreConfig, icestoreSchema } from './config.ts';
export { createIcestore, type IcestoreDependencies, type IcestoreProbes } from './icestore.ts';
