import type { v1 } from '@google-cloud/pubsub';
import type { Metadata } from '@grpc/grpc-js';
import { defer, type SchedulerLike, type Subscription } from 'rxjs';
import { RetryableError, toError } from '../../core/errors.ts';
import { retryWithBackoff } from '../../operators/retry-with-backoff.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/monotonic-scheduler.ts';
import { callUnary, grpcClientOf, routedBy } from '../google/grpc-client.ts';
import { asCallError } from '../google/grpc-errors.ts';
import { ackFailures } from './ack-failures.ts';
import type { Lease } from './lease.ts';
import { encodeAcknowledgeRequest } from './wire/acknowledge-request.ts';

/** Settlements wait this long for company. */
const COLLECT_MS = 10;
/** Ack ids in one call: well under Pub/Sub's 512 KiB a request. */
const IDS_PER_CALL = 1_000;
/** The longest ack deadline that Pub/Sub takes. */
const MAX_LEASE_SECONDS = 600;
const CALL_TIMEOUT_MS = 30_000;
const ACKNOWLEDGE = '/google.pubsub.v1.Subscriber/Acknowledge';
const RETRY = { initialDelayMs: 100, maxDelayMs: 5_000 };

export interface AcknowledgerOptions {
  readonly client: v1.SubscriberClient;
  /** Full name: `projects/p/subscriptions/s`. */
  readonly subscription: string;
  /** Length of a lease. A failing call is tried again for as long: past the lease it has no effect. */
  readonly ackDeadlineMs: number;
  readonly telemetry: Telemetry;
  /** Called after each call, with the error of the last try if it failed. */
  readonly onResult: (error: Error | undefined) => void;
  readonly scheduler?: SchedulerLike;
}

export interface ExtensionHooks {
  /** Pub/Sub has confirmed these; `askedAt` is when it was asked. */
  readonly onExtended: (leases: readonly Lease[], askedAt: number) => void;
  readonly onFailed: (leases: readonly Lease[]) => void;
  /** Their leases are over, says Pub/Sub (which tells it with exactly-once delivery only). */
  readonly onLost: (leases: readonly Lease[]) => void;
}

/** Ack ids of a call, with its retries, that did not succeed. */
interface CallResult {
  /** Their leases were over. */
  readonly lost: ReadonlySet<string>;
  /** The call failed for as long as their leases lasted. */
  readonly givenUp: readonly string[];
}

/**
 * Tells Pub/Sub what became of leases, in batches: acknowledged, given back at once or later, or extended. Calls are retried until the
 * lease would have ended anyway; with exactly-once delivery only for the ack ids that failed.
 *
 * Acks travel in parallel. Nacks follow each other, in the order in which they were asked for: where messages have an
 * ordering key, the later one must not come back before the earlier one.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  readonly #scheduler: SchedulerLike;
  #acks: string[] = [];
  #nacks: string[] = [];
  /** Ack ids by the seconds that they wait. */
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

  /** Settlements that were given up on, or came too late: these messages will be delivered again. */
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

  /** Gives a message back, to be delivered again no sooner than `afterMs` from now: its lease ends then. */
  postpone(lease: Lease, afterMs: number): void {
    const seconds = Math.min(MAX_LEASE_SECONDS, Math.max(1, Math.ceil(afterMs / 1_000)));
    const ackIds = this.#postponed.get(seconds) ?? [];
    ackIds.push(lease.ackId);
    this.#postponed.set(seconds, ackIds);
    this.#collect(ackIds.length);
  }

  /** Extends leases, in calls that are not tried again: whoever reviews the leases asks anew. */
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
   * Confirms the receipt of messages, as exactly-once delivery demands before they may be processed: emits the leases
   * that are ours. A call that fails is retried; past the lease the messages are not ours any more.
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

  /** Resolves when everything asked for so far is confirmed, or given up. */
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

  /** Makes a call until it succeeds, and counts what could not be settled. */
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
