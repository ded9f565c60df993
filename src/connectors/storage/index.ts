/** Cloud Storage: a sink that archives messages in gzip JSONL objects, each written once. */

export { type BatchKeyOf, batchKeyBy, checkedBatchKey } from './batch-key.ts';
export { ensureBucket } from './check.ts';
export { createStorageClient } from './client.ts';
export { type ArchiveConfig, archiveSchema, type BucketConfig, bucketSchema } from './config.ts';
export { type StorageSinkOptions, type StoredObject, storageSink } from './sink.ts';
