import { promisify } from 'node:util';
import { gzip, gzipSync } from 'node:zlib';
import type { Bucket } from '@google-cloud/storage';
import { catchError, concatMap, defer, from, map, type Observable, type OperatorFunction, of } from 'rxjs';
import type { Credit } from '../../core/credit.ts';
import type { Delivery, Outcome } from '../../core/delivery.ts';
import { errorCode, RetryableError, toError } from '../../core/errors.ts';
import { drop } from '../../core/hook-result.ts';
import type { Readiness } from '../../core/readiness.ts';
import { type ArchiveLine, archiveLine, lineText } from '../../formats/archive-line.ts';
import { contentHashOf, type IdentityOf } from '../../formats/identity.ts';
import { batchInto, type ItemResult, type Slot } from '../../operators/batch-into.ts';
import { type Batch, type BatchItem, PartitionKey } from '../../operators/batcher.ts';
import { type FailingTargetsView, targetShare } from '../../operators/failing-targets.ts';
import { retryWithBackoff } from '../../operators/retry.ts';
import { traceRequests } from '../../operators/trace-requests.ts';
import { CALL_SECONDS, type Telemetry } from '../../telemetry/telemetry.ts';
import type { SpanDescription } from '../../telemetry/tracing.ts';
import { memoize } from '../../util/memoize.ts';
import { rfc3339OfMillis } from '../../util/rfc3339.ts';
import { type BatchKeyOf, safePath } from './batch-key.ts';
import type { ArchiveConfig } from './config.ts';
import { objectSizes } from './object-sizes.ts';
import { writeOnce } from './write-once.ts';

const compressInPool = promisify(gzip);

/** Compressing a small text takes 100 µs in the pool, and 20 to 150 µs synchronously. */
const SMALL_TEXT = 8 * 1024;

function compress(text: string): Observable<Buffer> {
  return text.length <= SMALL_TEXT ? of(gzipSync(text)) : from(compressInPool(text));
}

const REMEMBERED_KEYS = 10_000;
/** Length of `archivedAt`, to the millisecond. */
const TIME_BYTES = 24;

/** Statuses that may refuse one place and accept another, because of its name or an IAM condition. */
const REFUSED_PLACE: ReadonlySet<number> = new Set([400, 403]);

export interface StorageSinkOptions {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly config: ArchiveConfig;
  readonly credit: Credit;
  readonly batchKeyOf: BatchKeyOf;
  readonly identityOf: IdentityOf;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly onFailingTargets?: (failing: FailingTargetsView) => void;
  readonly onFlush?: (batch: Batch) => void;
  /** Called with each object that is safely stored. */
  readonly onStored?: (object: StoredObject) => void;
}

export interface StoredObject {
  readonly name: string;
  readonly key: string;
  readonly lines: number;
  /** Size after compression. */
  readonly bytes: number;
}

/** A delivery that is ready to be archived. */
export interface PreparedLine extends BatchItem {
  readonly line: ArchiveLine;
}

/**
 * Archives deliveries as gzip JSONL, one object per group, and emits the outcome of each. Compresses all but small
 * objects on libuv's pool. Each object is written once: its name derives from its content (see `writeOnce`).
 */
export function storageSink(options: StorageSinkOptions): OperatorFunction<Delivery, Outcome> {
  const { bucket, prefix, config, credit, batchKeyOf, telemetry } = options;
  const upload = uploadEffect(options);
  const share = targetShare(credit.limits);
  return batchInto<PreparedLine>(
    {
      limits: {
        // Keeps one object from taking the credit of all others.
        maxCount: Math.min(config.maxLines, share.maxMessages),
        maxBytes: Math.min(config.maxBytes, share.maxBytes),
        maxAgeMs: config.maxAgeMs,
        maxOpen: config.maxOpenGroups,
      },
      concurrency: config.concurrency,
      sharedTarget: bucket.name,
      credit,
      prepare: lineBy(bucket.name, prefix, batchKeyOf),
      ...(options.onFailingTargets === undefined ? {} : { onFailingTargets: options.onFailingTargets }),
      ...(options.onFlush === undefined ? {} : { onFlush: options.onFlush }),
    },
    traceRequests(
      telemetry.tracing,
      ({ items, bytes }) => uploadSpan(bucket.name, items.length, bytes),
      (batch, slot) => upload(batch, slot).pipe(map((result) => batch.items.map(() => result))),
    ),
  );
}

/** Describes the span of an upload. */
function uploadSpan(bucket: string, lines: number, bytes: number): SpanDescription {
  return {
    name: `upload ${bucket}`,
    attributes: { 'dataflow.bucket': bucket, 'dataflow.object.lines': lines, 'dataflow.object.text_bytes': bytes },
  };
}

/** Returns a function that builds a delivery's archive line and the key of its group; undefined drops the delivery. */
export function lineBy(
  bucket: string,
  prefix: string,
  batchKeyOf: BatchKeyOf,
): (delivery: Delivery) => PreparedLine | undefined {
  /** Returns the key of a place, the folder of its objects. */
  const keyOf = memoize((batchKey) => {
    const path = safePath(batchKey);
    return new PartitionKey([bucket, prefix, path].filter(Boolean).join('/'), path);
  }, REMEMBERED_KEYS);
  return (delivery) => {
    const batchKey = batchKeyOf(delivery.message);
    if (batchKey === drop) return undefined;
    const key = keyOf(batchKey);
    const line = archiveLine(delivery.message, key.group);
    const bytes = Buffer.byteLength(line.head) + TIME_BYTES + Buffer.byteLength(line.tail);
    return { delivery, key, bytes, line };
  };
}

/** Uploads a group. Emits undefined once it is safely stored, or the error of the last attempt. */
function uploadEffect(options: StorageSinkOptions): (batch: Batch<PreparedLine>, slot: Slot) => Observable<ItemResult> {
  const { bucket, prefix, config, identityOf, telemetry, readiness, onStored } = options;
  const observeSeconds = telemetry.histogram(
    'dataflow_upload_duration_seconds',
    'Time of one upload, without retries.',
    CALL_SECONDS,
  );
  const observeObject = objectSizes(telemetry);
  const write = writeOnce({ bucket, timeoutMs: config.timeoutMs });
  /** Current failures with their reasons, by place or bucket. */
  const failing = new Map<string, string>();
  const report = (): void => {
    const [reason] = failing.values();
    if (reason === undefined) readiness.set('upload', 'ok');
    else readiness.set('upload', 'failing', reason);
  };
  return (batch, slot) => {
    const { target: place, group: key } = batch.key;
    let target = bucket.name;
    const contentHash = contentHashOf(
      key,
      batch.items.map(({ delivery }) => identityOf(delivery.message)),
    );
    const name = (suffix: string) => objectName(prefix, key, contentHash, suffix);
    const compressed = defer(() => {
      const archivedAt = rfc3339OfMillis(Date.now());
      return compress(batch.items.map(({ line }) => lineText(line, archivedAt)).join(''));
    });
    const save = (content: Buffer): Observable<undefined> =>
      defer(() => {
        const started = performance.now();
        return write({ name, content, contentType: 'application/gzip', contentHash }).pipe(
          map((written) => {
            observeSeconds((performance.now() - started) / 1000);
            observeObject(batch.reason, content.byteLength);
            if (written.existed) telemetry.event('upload.existed', { object: written.name });
            else if (written.name !== name('')) telemetry.event('upload.renamed', { object: written.name });
            failing.delete(place);
            failing.delete(bucket.name);
            report();
            onStored?.({
              name: written.name,
              key,
              lines: batch.items.length,
              bytes: content.byteLength,
            });
            return undefined;
          }),
        );
      });
    return compressed.pipe(
      concatMap((content) =>
        save(content).pipe(
          retryWithBackoff(
            { ...config.retry, giveUpAfterMs: config.giveUpAfterMs },
            {
              onRetry: (error, attempt) => {
                const isPlace = REFUSED_PLACE.has(statusOf(error));
                target = isPlace ? place : bucket.name;
                failing.set(target, `uploading to ${target} fails: ${error.message}`);
                report();
                telemetry.event('upload.retried', { bucket: bucket.name, attempt, error: error.message });
                slot.pause(target, !isPlace);
              },
              beforeRetry: slot.resume,
            },
          ),
        ),
      ),
      catchError((thrown: unknown) => {
        const error = new RetryableError(toError(thrown).message, { cause: thrown });
        // The place may never get another message; if it does, a failure turns it red again.
        if (target !== bucket.name) failing.delete(target);
        report();
        telemetry.event('upload.failed', { object: name(''), messages: batch.items.length, error: error.message });
        return of(error);
      }),
    );
  };
}

/** Returns the HTTP status of an error or of one of its causes; NaN if there is none. */
function statusOf(error: unknown): number {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const status = Number(errorCode(cause));
    if (!Number.isNaN(status)) return status;
  }
  return Number.NaN;
}

/** Digits of a hash: 128 bits distinguish the objects of any archive. */
const NAME_DIGITS = 32;

/**
 * Returns the name of a group's object, derived from the hash of its content: `<prefix>/<batchKey>/<hash>.jsonl.gz`.
 * The same messages give the same name, so a retried upload finds its own object.
 *
 * @param suffix distinguishes an object from another with the same content.
 */
export function objectName(prefix: string, batchKey: string, contentHash: string, suffix = ''): string {
  const folders = [...prefix.split('/').filter((part) => part !== ''), batchKey];
  return [...folders, `${contentHash.slice(0, NAME_DIGITS)}${suffix}.jsonl.gz`].join('/');
}
