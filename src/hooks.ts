/** What a pipeline's `hooks.ts` may import: the types of the hooks, the errors that they may throw, and `drop`. */
export type { LookupData } from './caches/fetcher.ts';
export type { FetcherHook as Fetcher } from './caches/hook-fetcher.ts';
export { PoisonError, RetryableError } from './core/errors.ts';
export { drop } from './core/hook-result.ts';
export type { EnrichmentData, Message } from './core/message.ts';
export type { Applier, KeyExtractor } from './services/enrich/lookup.ts';
export type { Enricher } from './services/ingestion/enrichers.ts';
export type { Row, Transformer } from './sinks/bigquery/row-of.ts';
export type { BatchKeyOf } from './sinks/storage/batch-key.ts';
