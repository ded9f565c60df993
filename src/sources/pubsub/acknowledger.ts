import type { v1 } from '@google-cloud/pubsub';
import { asyncScheduler, defer, type SchedulerLike, type Subscription } from 'rxjs';
import { asCallError } from '../../clients/grpc-errors.ts';
import { toError } from '../../core/errors.ts';
import { retryWithBackoff } from '../../operators/retry-with-backoff.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Lease } from './lease.ts';

/** Settlements wait this long for company. */
const COLLECT_MS = 10;
/** Ack ids in one call: well under Pub/Sub's 512 KiB a request. */
const IDS_PER_CALL = 1_000;
const CALL_TIMEOUT_MS = 30_000;
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
}

/**
 * Tells Pub/Sub what became of leases, in batches: acknowledged, given back, or extended. Calls are retried until the
 * lease would have ended anyway.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  readonly #scheduler: SchedulerLike;
  #acks: string[] = [];
  #nacks: string[] = [];
  #timer: Subscription | undefined;
  readonly #calls = new Set<Promise<void>>();
  #unconfirmed = 0;

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? asyncScheduler;
  }

  /** Settlements that were given up on: these messages will be delivered again. */
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

  /** Extends leases, in calls that are not tried again: whoever reviews the leases asks anew. */
  extend(leases: readonly Lease[], hooks: ExtensionHooks): void {
    const { client, subscription, ackDeadlineMs, telemetry, onResult } = this.#options;
    const ackDeadlineSeconds = Math.round(ackDeadlineMs / 1000);
    for (let start = 0; start < leases.length; start += IDS_PER_CALL) {
      const chunk = leases.slice(start, start + IDS_PER_CALL);
      const ackIds = chunk.map((lease) => lease.ackId);
      const askedAt = this.#scheduler.now();
      client
        .modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds }, { retry: null, timeout: CALL_TIMEOUT_MS })
        .then(
          () => {
            onResult(undefined);
            hooks.onExtended(chunk, askedAt);
          },
          (thrown: unknown) => {
            const error = toError(thrown);
            onResult(error);
            telemetry.event('pubsub.ack_retried', { messages: chunk.length, error: error.message });
            hooks.onFailed(chunk);
          },
        );
    }
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
    const { client, subscription } = this.#options;
    const acks = this.#acks;
    const nacks = this.#nacks;
    this.#acks = [];
    this.#nacks = [];
    for (let start = 0; start < acks.length; start += IDS_PER_CALL) {
      const ackIds = acks.slice(start, start + IDS_PER_CALL);
      this.#call(
        () => client.acknowledge({ subscription, ackIds }, { retry: null, timeout: CALL_TIMEOUT_MS }),
        ackIds.length,
      );
    }
    for (let start = 0; start < nacks.length; start += IDS_PER_CALL) {
      const ackIds = nacks.slice(start, start + IDS_PER_CALL);
      this.#call(
        () =>
          client.modifyAckDeadline(
            { subscription, ackIds, ackDeadlineSeconds: 0 },
            { retry: null, timeout: CALL_TIMEOUT_MS },
          ),
        ackIds.length,
      );
    }
  }

  #call(call: () => Promise<unknown>, messages: number): void {
    const { telemetry, ackDeadlineMs, onResult } = this.#options;
    const effect = defer(() =>
      call().catch((thrown: unknown) => {
        throw asCallError(thrown);
      }),
    ).pipe(
      retryWithBackoff(
        { ...RETRY, giveUpAfterMs: ackDeadlineMs },
        {
          scheduler: this.#scheduler,
          onRetry: (error) => {
            onResult(error);
            telemetry.event('pubsub.ack_retried', { messages, error: error.message });
          },
        },
      ),
    );
    const done = new Promise<void>((resolve) => {
      effect.subscribe({
        error: (error: Error) => {
          this.#unconfirmed += messages;
          onResult(error);
          telemetry.event('pubsub.ack_failed', { messages, error: error.message });
          resolve();
        },
        complete: () => {
          onResult(undefined);
          resolve();
        },
      });
    });
    this.#calls.add(done);
    void done.then(() => this.#calls.delete(done));
  }
}
