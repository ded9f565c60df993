import type { v1 } from '@google-cloud/pubsub';
import { asyncScheduler, defer, type SchedulerLike, type Subscription } from 'rxjs';
import { asCallError } from '../../clients/grpc-errors.ts';
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

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? asyncScheduler;
  }

  ack(lease: Lease): void {
    this.#acks.push(lease.ackId);
    this.#collect(this.#acks.length);
  }

  nack(lease: Lease): void {
    this.#nacks.push(lease.ackId);
    this.#collect(this.#nacks.length);
  }

  /** Extends the leases; `onExtended` is called for those that Pub/Sub has confirmed, with the time of the request. */
  extend(leases: readonly Lease[], onExtended: (leases: readonly Lease[], askedAt: number) => void): void {
    const { client, subscription, ackDeadlineMs } = this.#options;
    for (let start = 0; start < leases.length; start += IDS_PER_CALL) {
      const chunk = leases.slice(start, start + IDS_PER_CALL);
      const ackIds = chunk.map((lease) => lease.ackId);
      const askedAt = this.#scheduler.now();
      this.#call(
        () =>
          client.modifyAckDeadline(
            { subscription, ackIds, ackDeadlineSeconds: Math.round(ackDeadlineMs / 1000) },
            { retry: null, timeout: CALL_TIMEOUT_MS },
          ),
        chunk.length,
        () => onExtended(chunk, askedAt),
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

  #call(call: () => Promise<unknown>, messages: number, onSuccess?: () => void): void {
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
          onResult(error);
          telemetry.event('pubsub.ack_failed', { messages, error: error.message });
          resolve();
        },
        complete: () => {
          onResult(undefined);
          onSuccess?.();
          resolve();
        },
      });
    });
    this.#calls.add(done);
    void done.then(() => this.#calls.delete(done));
  }
}
