/** Pub/Sub to BigQuery. */

export { type BigQueriesDependencies, type BigQueriesProbes, createBigQueries } from './bigqueries.ts';
export { type BigQueriesConfig, bigqueriesSchema } from './config.ts';
