import type { Bucket } from '@google-cloud/storage';
import { defer, map, mergeMap, type Observable, type SchedulerLike, Subject, type Subscription, tap } from 'rxjs';
import { writeOnce } from '../connectors/storage/write-once.ts';
import type { Original } from '../core/message.ts';
import type { Readiness } from '../core/readiness.ts';
import { targetShare } from '../operators/failing-targets.ts';
import { retryWithBackoff } from '../operators/retry.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { deadLetterContentHash, deadLetterObjectName, encodeOriginal } from './dead-letter-object.ts';
import type { Poisoned } from './dead-letter-publisher.ts';

const TIMEOUT_MS = 120_000;
/** Concurrent uploads of originals. */
const CONCURRENCY = 4;
const RETRY = { initialDelayMs: 1_000, maxDelayMs: 30_000, giveUpAfterMs: Number.POSITIVE_INFINITY };
/** Wait of a message at its source while the uploads in progress hold their share of the credit. */
const POSTPONE_MS = 10_000;

export interface DeadLetterBucketOptions {
  readonly bucket: Bucket;
  readonly service: string;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly scheduler?: SchedulerLike;
}

/**
 * Writes each original that does not fit into a dead letter to its own object, a few at a time. Red while that fails. A
 * crash may leave an object without a dead letter; the message is then delivered again.
 */
export class DeadLetterBucket {
  readonly #options: DeadLetterBucketOptions;
  readonly #write: ReturnType<typeof writeOnce>;
  readonly #writes = new Subject<Observable<unknown>>();
  readonly #running: Subscription;
  #messages = 0;
  #bytes = 0;

  constructor(options: DeadLetterBucketOptions) {
    const { bucket, readiness, scheduler } = options;
    this.#options = options;
    this.#write = writeOnce({ bucket, timeoutMs: TIMEOUT_MS, ...(scheduler === undefined ? {} : { scheduler }) });
    // Bounded by credit, which each waiting message keeps.
    this.#running = this.#writes.pipe(mergeMap((write) => write, CONCURRENCY)).subscribe({
      error: (error: Error) => readiness.set('dead_letter_bucket', 'failing', error.message),
    });
  }

  /**
   * Stores an original, and passes `gs://bucket/name` to `onStored`. Refuses a message that can wait at its source
   * while the uploads in progress hold their share of the credit.
   */
  store({ ackHandle, onRefused }: Poisoned, time: Date, onStored: (object: string) => void): void {
    const share = targetShare(ackHandle.context.credit.limits);
    if (ackHandle.mayPostpone && (this.#messages >= share.maxMessages || this.#bytes >= share.maxBytes)) {
      onRefused(POSTPONE_MS);
      return;
    }
    this.#messages += 1;
    this.#bytes += ackHandle.bytes;
    this.#writes.next(
      this.#stored(ackHandle.original, time).pipe(
        tap((object) => {
          this.#messages -= 1;
          this.#bytes -= ackHandle.bytes;
          onStored(object);
        }),
      ),
    );
  }

  /** Abandons originals that are not stored yet. */
  abort(): void {
    this.#running.unsubscribe();
  }

  #stored(original: Original, time: Date): Observable<string> {
    const { bucket, service, telemetry, readiness, scheduler } = this.#options;
    return defer(() => {
      const content = encodeOriginal(original);
      const contentHash = deadLetterContentHash(content);
      const name = (suffix: string) => deadLetterObjectName(service, time, contentHash, suffix);
      return this.#write({ name, content, contentType: 'application/json', contentHash }).pipe(
        map((written) => {
          if (written.name !== name('')) telemetry.event('upload.renamed', { object: written.name });
          readiness.set('dead_letter_bucket', 'ok');
          return `gs://${bucket.name}/${written.name}`;
        }),
        retryWithBackoff(RETRY, {
          onRetry: (error) => {
            telemetry.event('dead_letter.retried', { bucket: bucket.name, error: error.message });
            readiness.set('dead_letter_bucket', 'failing', `writing to ${bucket.name} fails: ${error.message}`);
          },
          ...(scheduler === undefined ? {} : { scheduler }),
        }),
      );
    });
  }
}
