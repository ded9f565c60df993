/** Exports for a pipeline's `hooks.ts`: the types of the hooks, the errors that they may throw, and `drop`. */

export type { Row, Transformer } from './connectors/bigquery/row-of.ts';
export type { BatchKeyOf } from './connectors/storage/batch-key.ts';
export { PoisonError, RetryableError } from './core/errors.ts';
export { drop } from './core/hook-result.ts';
export type { EnrichmentData, Message } from './core/message.ts';
export { type PayloadJson, payloadJson } from './formats/payload-json.ts';
export type { LookupData } from './lookup/fetcher.ts';
export type { FetcherHook as Fetcher } from './lookup/hook-fetcher.ts';
export type { Applier, KeyExtractor } from './services/enrich/lookup.ts';
export type { Enricher } from './services/ingestion/enrichers.ts';
