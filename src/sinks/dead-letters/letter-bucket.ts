import type { Bucket } from '@google-cloud/storage';
import { defer, type Observable, type SchedulerLike, switchMap } from 'rxjs';
import { asHttpError } from '../../clients/http-errors.ts';
import { errorCode, RetryableError, toError } from '../../core/errors.ts';
import type { Original } from '../../core/message.ts';
import type { Readiness } from '../../core/readiness.ts';
import { failAfter } from '../../operators/fail-after.ts';
import { type RetryPolicy, retryWithBackoff } from '../../operators/retry-with-backoff.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { encodeOriginal, letterObjectName } from './letter-object.ts';

/** The object was there already: an earlier try had succeeded. */
const PRECONDITION_FAILED = 412;
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
  const save = async (name: string, content: Buffer): Promise<string> => {
    try {
      await bucket.file(name).save(content, {
        resumable: false,
        contentType: 'application/json',
        preconditionOpts: { ifGenerationMatch: 0 },
      });
    } catch (thrown) {
      if (Number(errorCode(thrown)) !== PRECONDITION_FAILED) {
        throw new RetryableError(toError(thrown).message, { cause: asHttpError(thrown) });
      }
    }
    readiness.set('dead_letter_bucket', 'ok');
    return `gs://${bucket.name}/${name}`;
  };
  return (original, time) =>
    defer(() => {
      const content = encodeOriginal(original);
      return [{ content, name: letterObjectName(service, time, content) }];
    }).pipe(
      switchMap(({ content, name }) =>
        defer(() => save(name, content)).pipe(
          failAfter(TIMEOUT_MS, 'upload', scheduler),
          retryWithBackoff(retry, {
            onRetry: (error) => {
              telemetry.event('dead_letter.retried', { bucket: bucket.name, error: error.message });
              readiness.set('dead_letter_bucket', 'failing', `writing to ${bucket.name} fails: ${error.message}`);
            },
            ...(scheduler === undefined ? {} : { scheduler }),
          }),
        ),
      ),
    );
}
