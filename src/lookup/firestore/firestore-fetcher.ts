import { DocumentReference, type Firestore, GeoPoint, Timestamp, VectorValue } from '@google-cloud/firestore';
import {
  EMPTY,
  firstValueFrom,
  Observable,
  of,
  ReplaySubject,
  type SchedulerLike,
  type Subscriber,
  takeUntil,
} from 'rxjs';
import { boundedCall } from '../../connectors/google/bounded-call.ts';
import { retryAfterOf } from '../../connectors/google/errors.ts';
import { errorCode, RetryableError, toError } from '../../core/errors.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import { JsonNumber } from '../../util/json/lossless-json.ts';
import type { Fetcher, LookupData, OnAnswer } from '../fetcher.ts';

export interface FirestoreFetcherOptions {
  readonly client: Firestore;
  readonly collection: string;
  readonly timeoutMs: number;
  readonly onAnswer: OnAnswer;
  /** Called after each call to Firestore, with its error if it failed. */
  readonly onResult: (error: Error | undefined) => void;
  readonly scheduler?: SchedulerLike;
}

/** Time that lookups wait to be combined: one call for many documents costs little more than for one. */
const COLLECT_MS = 2;
/** An answer slower than this is reported as a failing part before it fails. */
const SLOW_MS = 2_000;
const DOCUMENTS_PER_CALL = 100;
/** gRPC status code. */
const INVALID_ARGUMENT = 3;

/** Document ids, https://docs.cloud.google.com/firestore/quotas#collections_documents_and_fields */
export function isDocumentId(key: string): boolean {
  return (
    key !== '' &&
    key !== '.' &&
    key !== '..' &&
    !key.includes('/') &&
    key.isWellFormed() &&
    !/^__.*__$/s.test(key) &&
    Buffer.byteLength(key) <= 1_500
  );
}

/**
 * The last layer, where a key is a document id in one collection. A text that cannot be a document id has no data, so a
 * key such as `../../x` leads nowhere else.
 */
export function firestoreFetcher(options: FirestoreFetcherOptions): Fetcher {
  const { client, collection, timeoutMs, onAnswer, onResult } = options;
  const scheduler = options.scheduler ?? monotonicScheduler;
  let waiting = new Map<string, Subscriber<LookupData | undefined>[]>();
  const closing = new ReplaySubject<void>(1);
  /** Calls of the client, which may continue after they were abandoned. */
  const calls = new Set<Promise<unknown>>();

  const tracked = <T>(call: Promise<T>): Promise<T> => {
    calls.add(call);
    const done = () => calls.delete(call);
    call.then(done, done);
    return call;
  };

  const send = (): void => {
    const batch = waiting;
    waiting = new Map();
    const keys = [...batch.keys()];
    for (let start = 0; start < keys.length; start += DOCUMENTS_PER_CALL) {
      void answer(keys.slice(start, start + DOCUMENTS_PER_CALL), batch);
    }
  };

  const answer = async (keys: string[], batch: ReadonlyMap<string, Subscriber<LookupData | undefined>[]>) => {
    // The client retries for seconds before it reports an outage.
    const slow = scheduler.schedule(
      () => onResult(new RetryableError(`firestore: no answer for ${SLOW_MS} ms`)),
      SLOW_MS,
    );
    try {
      const references = keys.map((key) => client.collection(collection).doc(key));
      const documents = await firstValueFrom(
        boundedCall(() => tracked(client.getAll(...references)), {
          what: 'BatchGetDocuments',
          timeoutMs,
          scheduler,
        }).pipe(takeUntil(closing)),
      );
      onResult(undefined);
      for (const document of documents) {
        const data = document.exists ? plainData(document.data()) : undefined;
        onAnswer({ layer: 'firestore', key: document.id, found: data !== undefined });
        for (const subscriber of batch.get(document.id) ?? []) {
          subscriber.next(data);
          subscriber.complete();
        }
      }
    } catch (thrown) {
      if (errorCode(thrown) === INVALID_ARGUMENT) return apart(keys, batch);
      const error = new RetryableError(`firestore: ${toError(thrown).message}`, {
        cause: thrown,
        retryAfterMs: retryAfterOf(thrown),
      });
      onResult(error);
      for (const key of keys) for (const subscriber of batch.get(key) ?? []) subscriber.error(error);
    } finally {
      slow.unsubscribe();
    }
  };

  /**
   * One key that Firestore refuses must not fail the others: each is requested alone, and the refused one has no data.
   */
  const apart = async (keys: string[], batch: ReadonlyMap<string, Subscriber<LookupData | undefined>[]>) => {
    if (keys.length > 1) {
      await Promise.all(keys.map((key) => answer([key], batch)));
      return;
    }
    for (const subscriber of keys.flatMap((key) => batch.get(key) ?? [])) {
      subscriber.next(undefined);
      subscriber.complete();
    }
  };

  return {
    fetch: (key) => {
      if (!isDocumentId(key)) return of(undefined);
      return new Observable((subscriber) => {
        const known = waiting.get(key);
        if (known !== undefined) {
          known.push(subscriber);
          return;
        }
        if (waiting.size === 0) scheduler.schedule(send, COLLECT_MS);
        waiting.set(key, [subscriber]);
        if (waiting.size >= DOCUMENTS_PER_CALL) send();
      });
    },
    invalidate: () => EMPTY,
    close: async () => {
      closing.next();
      await Promise.allSettled(calls);
    },
  };
}

function plainData(data: Record<string, unknown> | undefined): LookupData | undefined {
  if (data === undefined) return undefined;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, plain(value)]));
}

/**
 * Converts Firestore's types to JSON: times to RFC 3339, bytes to base64, references to paths, vectors to lists, and
 * numbers without a JSON form to the strings `NaN`, `Infinity` and `-Infinity`.
 */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return plainInteger(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return new JsonNumber('-0.0');
  if (value instanceof Timestamp) return plainTime(value);
  if (value instanceof VectorValue) return value.toArray().map(plain);
  if (value instanceof GeoPoint) return { latitude: value.latitude, longitude: value.longitude };
  if (value instanceof DocumentReference) return value.path;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

/** Converts integers, which the client always returns as bigints. */
function plainInteger(value: bigint): number | JsonNumber {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : new JsonNumber(String(value));
}

/** Writes at least milliseconds, and Firestore's microseconds if there are any. */
function plainTime(time: Timestamp): string {
  const text = time.toDate().toISOString();
  const micros = Math.floor(time.nanoseconds / 1_000) % 1_000;
  return micros === 0 ? text : `${text.slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}
