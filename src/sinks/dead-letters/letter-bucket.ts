import type { Bucket } from '@google-cloud/storage';
import { defer, map, type Observable, type SchedulerLike } from 'rxjs';
import type { Original } from '../../core/message.ts';
import type { Readiness } from '../../core/readiness.ts';
import { type RetryPolicy, retryWithBackoff } from '../../operators/retry-with-backoff.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { writeOnce } from '../storage/write-once.ts';
import { encodeOriginal, letterContentHash, letterObjectName } from './letter-object.ts';

const TIMEOUT_MS = 120_000;

export interface LetterBucketOptions {
  readonly bucket: Bucket;
  readonly service: string;
  readonly retry: RetryPolicy;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly scheduler?: SchedulerLike;
}

/**
 * Writes originals that do not fit into a letter as one object each, and emits where: `gs://bucket/name`. Red while that
 * fails. An object that no letter points to yet is what a crash can leave; the message comes again.
 */
export function letterBucket(options: LetterBucketOptions): (original: Original, time: Date) => Observable<string> {
  const { bucket, service, retry, telemetry, readiness, scheduler } = options;
  const write = writeOnce({ bucket, timeoutMs: TIMEOUT_MS, ...(scheduler === undefined ? {} : { scheduler }) });
  return (original, time) =>
    defer(() => {
      const content = encodeOriginal(original);
      const contentHash = letterContentHash(content);
      const name = (suffix: string) => letterObjectName(service, time, contentHash, suffix);
      return write({ name, content, contentType: 'application/json', contentHash }).pipe(
        map((written) => {
          if (written.name !== name('')) telemetry.event('upload.renamed', { object: written.name });
          readiness.set('dead_letter_bucket', 'ok');
          return `gs://${bucket.name}/${written.name}`;
        }),
        retryWithBackoff(retry, {
          onRetry: (error) => {
            telemetry.event('dead_letter.retried', { bucket: bucket.name, error: error.message });
            readiness.set('dead_letter_bucket', 'failing', `writing to ${bucket.name} fails: ${error.message}`);
          },
          ...(scheduler === undefined ? {} : { scheduler }),
        }),
      );
    });
}
