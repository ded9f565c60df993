import type { Metadata } from '@grpc/grpc-js';
import { defer, type SchedulerLike, type Subscription } from 'rxjs';
import * as v from 'valibot';
import { RetryableError, toError } from '../../core/errors.ts';
import { retryWithBackoff } from '../../operators/retry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import { asCallError } from '../google/errors.ts';
import { callUnary, grpcClientOf, routedBy } from '../google/grpc-client.ts';
import type { Lease } from './lease.ts';
import type { SubscriberCalls } from './service-client.ts';
import { encodeAcknowledgeRequest } from './wire/requests.ts';

/** Time that settlements wait to be batched. */
const COLLECT_MS = 10;
/** Ack ids in one call, well below Pub/Sub's 512 KiB per request. */
const IDS_PER_CALL = 1_000;
/** The longest ack deadline that Pub/Sub accepts. */
const MAX_LEASE_SECONDS = 600;
const CALL_TIMEOUT_MS = 30_000;
const ACKNOWLEDGE = '/google.pubsub.v1.Subscriber/Acknowledge';
const RETRY = { initialDelayMs: 100, maxDelayMs: 5_000 };

export interface AcknowledgerOptions {
  readonly client: SubscriberCalls;
  /** Full name: `projects/p/subscriptions/s`. */
  readonly subscription: string;
  /** Length of a lease. A failing call is retried for this long; after the lease it has no effect. */
  readonly ackDeadlineMs: number;
  readonly telemetry: Telemetry;
  /** Called after each call, with the error of the last attempt if the call failed. */
  readonly onResult: (error: Error | undefined) => void;
  readonly scheduler?: SchedulerLike;
}

export interface ExtensionHooks {
  /** Called when Pub/Sub has confirmed these; `askedAt` is the time of the request. */
  readonly onExtended: (leases: readonly Lease[], askedAt: number) => void;
  readonly onFailed: (leases: readonly Lease[]) => void;
  /** Called with leases that Pub/Sub reports as ended (only with exactly-once delivery). */
  readonly onLost: (leases: readonly Lease[]) => void;
}

/** The ack ids that failed in a call, after its retries. */
interface CallResult {
  /** Ids whose leases had ended. */
  readonly lost: ReadonlySet<string>;
  /** Ids for which the call failed until their leases ended. */
  readonly givenUp: readonly string[];
}

/**
 * Acknowledges, returns, postpones and extends leases, in batches. Retries failed calls until the lease would have
 * ended; with exactly-once delivery, retries only the ack ids that failed.
 *
 * Acks run in parallel. Nacks run one after another in the order requested, so that a later message of an ordering key
 * does not come back before an earlier one.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  readonly #scheduler: SchedulerLike;
  #acks: string[] = [];
  #nacks: string[] = [];
  /** Ack ids by their delay in seconds. */
  #postponed = new Map<number, string[]>();
  #timer: Subscription | undefined;
  #lastNack: Promise<unknown> = Promise.resolve();
  readonly #calls = new Set<Promise<unknown>>();
  readonly #metadata: Metadata;
  #unconfirmed = 0;

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
    this.#metadata = routedBy('subscription', options.subscription);
    this.#scheduler = options.scheduler ?? monotonicScheduler;
  }

  /** Settlements that failed or came too late. Pub/Sub delivers these messages again. */
  get unconfirmed(): number {
    return this.#unconfirmed;
  }

  ack(lease: Lease): void {
    this.#acks.push(lease.ackId);
    this.#collect(this.#acks.length);
  }

  nack(lease: Lease): void {
    this.#nacks.push(lease.ackId);
    this.#collect(this.#nacks.length);
  }

  /** Returns a message for redelivery no sooner than `afterMs` from now, by setting its lease to end then. */
  postpone(lease: Lease, afterMs: number): void {
    const seconds = Math.min(MAX_LEASE_SECONDS, Math.max(1, Math.ceil(afterMs / 1_000)));
    const ackIds = this.#postponed.get(seconds) ?? [];
    ackIds.push(lease.ackId);
    this.#postponed.set(seconds, ackIds);
    this.#collect(ackIds.length);
  }

  /** Extends leases. Does not retry failed calls: the next review of the leases extends them. */
  extend(leases: readonly Lease[], hooks: ExtensionHooks): void {
    const { telemetry, onResult } = this.#options;
    for (const chunk of chunks(leases)) {
      const askedAt = this.#scheduler.now();
      const ackIds = chunk.map((lease) => lease.ackId);
      this.#modify(ackIds, this.#options.ackDeadlineMs).then(
        () => {
          onResult(undefined);
          hooks.onExtended(chunk, askedAt);
        },
        (thrown: unknown) => {
          const failures = ackFailures(thrown, ackIds);
          const [lost, rest] = split(chunk, ({ ackId }) => failures?.permanent.has(ackId) ?? false);
          const [failed, extended] = split(rest, ({ ackId }) => failures?.transient.has(ackId) ?? true);
          hooks.onLost(lost);
          hooks.onExtended(extended, askedAt);
          if (failed.length === 0) return;
          const error = asCallError(thrown);
          onResult(error);
          telemetry.event('pubsub.ack_retried', { messages: failed.length, error: error.message });
          hooks.onFailed(failed);
        },
      );
    }
  }

  /**
   * Confirms receipt, as exactly-once delivery requires before processing. Resolves with the leases that are ours.
   * Retries a failed call until the leases end; after that the messages are no longer ours.
   */
  async confirm(leases: readonly Lease[]): Promise<readonly Lease[]> {
    const { ackDeadlineMs } = this.#options;
    const results = await Promise.all(
      chunks(leases).map(async (chunk) => {
        const ackIds = chunk.map((lease) => lease.ackId);
        const result = await this.#track(this.#retried(ackIds, (ids) => this.#modify(ids, ackDeadlineMs)));
        return result.givenUp.length > 0 ? [] : chunk.filter(({ ackId }) => !result.lost.has(ackId));
      }),
    );
    return results.flat();
  }

  /** Resolves when every settlement so far is confirmed or has failed. */
  async flush(): Promise<void> {
    this.#send();
    while (this.#calls.size > 0) await Promise.all(this.#calls);
  }

  #collect(waiting: number): void {
    if (waiting >= IDS_PER_CALL) this.#send();
    else this.#timer ??= this.#scheduler.schedule(() => this.#send(), COLLECT_MS);
  }

  #send(): void {
    this.#timer?.unsubscribe();
    this.#timer = undefined;
    const acks = this.#acks;
    const nacks = this.#nacks;
    this.#acks = [];
    this.#nacks = [];
    const postponed = this.#postponed;
    this.#postponed = new Map();
    for (const ackIds of chunks(acks)) {
      void this.#track(this.#settle(ackIds, (ids) => this.#acknowledge(ids)));
    }
    for (const ackIds of chunks(nacks)) {
      this.#lastNack = this.#lastNack.then(() => this.#settle(ackIds, (ids) => this.#modify(ids, 0)));
      void this.#track(this.#lastNack);
    }
    for (const [seconds, waiting] of postponed) {
      for (const ackIds of chunks(waiting)) {
        void this.#track(this.#settle(ackIds, (ids) => this.#modify(ids, seconds * 1_000)));
      }
    }
  }

  #acknowledge(ackIds: readonly string[]): Promise<unknown> {
    const { client, subscription } = this.#options;
    const request = encodeAcknowledgeRequest(subscription, ackIds);
    const options = { metadata: this.#metadata, timeoutMs: CALL_TIMEOUT_MS };
    return grpcClientOf(client).then((grpc) => callUnary(grpc, ACKNOWLEDGE, request, options));
  }

  #modify(ackIds: readonly string[], deadlineMs: number): Promise<unknown> {
    const { client, subscription } = this.#options;
    return client.modifyAckDeadline(
      { subscription, ackIds: [...ackIds], ackDeadlineSeconds: Math.round(deadlineMs / 1000) },
      { retry: null, timeout: CALL_TIMEOUT_MS },
    );
  }

  #track<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    void call.then(() => this.#calls.delete(call));
    return call;
  }

  /** Makes a call with retries, and counts the messages it could not settle. */
  async #settle(ackIds: readonly string[], call: (ackIds: readonly string[]) => Promise<unknown>): Promise<void> {
    const { lost, givenUp } = await this.#retried(ackIds, call);
    this.#unconfirmed += lost.size + givenUp.length;
    if (lost.size > 0) this.#options.telemetry.event('pubsub.ack_late', { messages: lost.size });
  }

  /** Never rejects. */
  #retried(ackIds: readonly string[], call: (ackIds: readonly string[]) => Promise<unknown>): Promise<CallResult> {
    const { telemetry, ackDeadlineMs, onResult } = this.#options;
    const lost = new Set<string>();
    let pending = ackIds;
    const effect = defer(async () => {
      try {
        await call(pending);
      } catch (thrown) {
        const failures = ackFailures(thrown, pending);
        if (failures === undefined) throw asCallError(thrown);
        for (const ackId of failures.permanent) lost.add(ackId);
        pending = [...failures.transient];
        if (pending.length > 0) throw new RetryableError(toError(thrown).message, { cause: asCallError(thrown) });
      }
    }).pipe(
      retryWithBackoff(
        { ...RETRY, giveUpAfterMs: ackDeadlineMs },
        {
          scheduler: this.#scheduler,
          onRetry: (error) => {
            onResult(error);
            telemetry.event('pubsub.ack_retried', { messages: pending.length, error: error.message });
          },
        },
      ),
    );
    return new Promise((resolve) => {
      effect.subscribe({
        error: (error: Error) => {
          onResult(error);
          telemetry.event('pubsub.ack_failed', { messages: pending.length, error: error.message });
          resolve({ lost, givenUp: pending });
        },
        complete: () => {
          onResult(undefined);
          resolve({ lost, givenUp: [] });
        },
      });
    });
  }
}

function chunks<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / IDS_PER_CALL) }, (_, index) =>
    all.slice(index * IDS_PER_CALL, (index + 1) * IDS_PER_CALL),
  );
}

function split<T>(all: readonly T[], isFirst: (each: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((each) => !isFirst(each))];
}

/** ErrorInfo of each failed ack id: https://cloud.google.com/pubsub/docs/exactly-once-delivery */
const errorWithInfo = v.object({ errorInfoMetadata: v.record(v.string(), v.string()) });

const TRANSIENT = 'TRANSIENT_';
const PERMANENT = 'PERMANENT_';

/** The failed ack ids of a call that succeeded for others. */
export interface AckFailures {
  /** Worth retrying. */
  readonly transient: ReadonlySet<string>;
  /** Their leases ended: Pub/Sub delivers these messages again. */
  readonly permanent: ReadonlySet<string>;
}

/**
 * Returns the ack ids that failed in an acknowledge or modifyAckDeadline call with exactly-once delivery; the ids that
 * the error does not name succeeded. Returns undefined for any other error: the whole call failed then.
 */
export function ackFailures(thrown: unknown, ackIds: readonly string[]): AckFailures | undefined {
  if (!v.is(errorWithInfo, thrown)) return undefined;
  const { errorInfoMetadata } = thrown;
  const named = (prefix: string) => new Set(ackIds.filter((ackId) => errorInfoMetadata[ackId]?.startsWith(prefix)));
  const transient = named(TRANSIENT);
  const permanent = named(PERMANENT);
  return transient.size + permanent.size === 0 ? undefined : { transient, permanent };
}
