import { hostname } from 'node:os';
import type { v1 } from '@google-cloud/pubsub';
import { asyncScheduler, type Observable, type SchedulerLike, type Subscriber, Subscription } from 'rxjs';
import { Delivery, type Desk } from '../../core/delivery.ts';
import type { Readiness } from '../../core/readiness.ts';
import { rfc3339 } from '../../core/rfc3339.ts';
import type { Source } from '../../core/source.ts';
import { stoppable } from '../../core/stoppable.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { Acknowledger } from './acknowledger.ts';
import type { PubSubSourceConfig } from './config.ts';
import { type Lease, Leases } from './lease.ts';
import { type PubSubMessage, PubSubTicket } from './pubsub-ticket.ts';
import { PullStream, type ReceivedMessage } from './pull-stream.ts';

const REVIEW_MS = 1_000;
/** Above the client's own bounds, so that it is always the credit that runs out, and batches hear of it. */
const SPARE_MESSAGES = 1_000;
const SPARE_BYTES = 10 * 1024 * 1024;

export interface PubSubSourceOptions {
  readonly client: v1.SubscriberClient;
  readonly projectId: string;
  readonly config: PubSubSourceConfig;
  readonly desk: Desk;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly scheduler?: SchedulerLike;
}

/**
 * Deliveries of a Pub/Sub subscription, over the low-level client: at least once, in the order that the subscription
 * gives, as far as credit reaches. Leases are extended until a delivery is settled or `maxLeaseMs` is over.
 */
export class PubSubSource implements Source {
  readonly disconnected: Promise<void>;
  readonly #options: PubSubSourceOptions;
  readonly #scheduler: SchedulerLike;
  readonly #leases: Leases;
  readonly #acknowledger: Acknowledger;
  readonly #streams: PullStream[];
  readonly #open = new Set<PubSubTicket>();
  readonly #background = new Subscription();
  /** Received, leased, and waiting for credit: at most what was on its way when the streams were paused. */
  #pending: { readonly message: PubSubMessage; readonly lease: Lease }[] = [];
  #pendingHead = 0;
  #subscriber: Subscriber<Delivery> | undefined;
  #emitting = false;
  #stopped = false;
  #streamsClosed: Promise<unknown> | undefined;
  #markDisconnected: () => void = () => {};

  constructor(options: PubSubSourceOptions) {
    this.#options = options;
    const { client, config, projectId, telemetry, readiness } = options;
    this.#scheduler = options.scheduler ?? asyncScheduler;
    this.#leases = new Leases(config);
    const subscription = client.subscriptionPath(projectId, config.subscriptionId);
    this.#acknowledger = new Acknowledger({
      client,
      subscription,
      ackDeadlineMs: config.ackDeadlineMs,
      telemetry,
      scheduler: this.#scheduler,
      onResult: (error) =>
        error === undefined
          ? readiness.set('pubsub.ack', 'ok')
          : readiness.set('pubsub.ack', 'failing', `acknowledging fails: ${error.message}`),
    });
    this.#streams = Array.from(
      { length: config.streams },
      () =>
        new PullStream({
          client,
          subscription,
          clientId: `${hostname()}-${process.pid}`,
          ackDeadlineMs: config.ackDeadlineMs,
          maxOutstandingMessages: config.maxInFlight + SPARE_MESSAGES,
          maxOutstandingBytes: config.maxInFlightBytes + SPARE_BYTES,
          onMessages: (messages) => this.#receive(messages),
          onOpen: () => {
            telemetry.event('pubsub.stream_opened', { subscription });
            readiness.set('pubsub.stream', 'ok');
          },
          onLost: (error, attempt) => {
            telemetry.event('pubsub.stream_lost', { subscription, error: error.message, attempt });
            if (attempt > 1) readiness.set('pubsub.stream', 'failing', `not receiving: ${error.message}`);
          },
          scheduler: this.#scheduler,
        }),
    );
    this.disconnected = new Promise((resolve) => {
      this.#markDisconnected = resolve;
    });
  }

  get unconfirmed(): number {
    return this.#acknowledger.unconfirmed;
  }

  /** Messages that were received and wait for credit. */
  get pending(): number {
    return this.#pending.length - this.#pendingHead;
  }

  deliveries(stop: Observable<unknown>): Observable<Delivery> {
    return stoppable(stop, {
      begin: (subscriber) => this.#begin(subscriber),
      stop: () => this.#stop(),
      abort: () => this.abort(),
    });
  }

  abort(): void {
    this.#stop();
    for (const ticket of [...this.#open]) ticket.abandon();
  }

  #begin(subscriber: Subscriber<Delivery>): void {
    this.#subscriber = subscriber;
    this.#options.readiness.set('pubsub.stream', 'failing', 'connecting');
    this.#background.add(this.#options.desk.credit.released.subscribe(() => this.#emit()));
    this.#background.add(this.#reviewLeases());
    for (const stream of this.#streams) stream.open();
  }

  #receive(messages: readonly ReceivedMessage[]): void {
    const now = this.#scheduler.now();
    for (const { message, ackId } of messages) {
      if (message === null) continue;
      const lease = this.#leases.hold(ackId, now);
      if (this.#stopped) this.#release(lease, 'nack');
      else this.#pending.push({ message, lease });
    }
    this.#emit();
  }

  /** Emits what is pending, as far as credit reaches. Settling inside of it releases credit: it is not re-entered. */
  #emit(): void {
    if (this.#emitting || this.#subscriber === undefined) return;
    this.#emitting = true;
    const { desk } = this.#options;
    while (this.#pendingHead < this.#pending.length && !this.#stopped) {
      const next = this.#pending[this.#pendingHead];
      if (next === undefined || !desk.credit.tryTake(next.message.data.byteLength)) break;
      this.#pendingHead += 1;
      const ticket = new PubSubTicket(desk, next.message, next.lease, (settled, verdict) =>
        this.#settled(settled, verdict),
      );
      this.#open.add(ticket);
      this.#subscriber.next(new Delivery(toMessage(next.message), ticket));
    }
    if (this.#pendingHead === this.#pending.length) {
      this.#pending = [];
      this.#pendingHead = 0;
    }
    this.#emitting = false;
    for (const stream of this.#streams) {
      if (this.pending > 0) stream.pause();
      else stream.resume();
    }
  }

  #settled(ticket: PubSubTicket, verdict: 'ack' | 'nack'): void {
    this.#open.delete(ticket);
    this.#release(ticket.lease, verdict);
    this.#disconnectIfDone();
  }

  #release(lease: Lease, verdict: 'ack' | 'nack'): void {
    lease.onLapse = undefined;
    this.#leases.release(lease);
    this.#acknowledger[verdict](lease);
  }

  #reviewLeases(): Subscription {
    const review = () => {
      const now = this.#scheduler.now();
      const { extend, lapsed } = this.#leases.review(now);
      this.#acknowledger.extend(extend, {
        onExtended: (leases, askedAt) => this.#leases.extended(leases, askedAt),
        onFailed: (leases) => this.#leases.notExtended(leases),
      });
      if (lapsed.length === 0) return;
      this.#options.telemetry.event('pubsub.lease_lapsed', { messages: lapsed.length });
      const gone = new Set(lapsed);
      this.#pending = this.#pending.slice(this.#pendingHead).filter(({ lease }) => !gone.has(lease));
      this.#pendingHead = 0;
      for (const lease of lapsed) lease.onLapse?.();
      for (const ticket of this.#open) if (!ticket.isOpen) this.#open.delete(ticket);
      this.#disconnectIfDone();
    };
    return this.#scheduler.schedule(function tick() {
      review();
      this.schedule(undefined, REVIEW_MS);
    }, REVIEW_MS);
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#streamsClosed = Promise.all(this.#streams.map((stream) => stream.close()));
    for (const { lease } of this.#pending.slice(this.#pendingHead)) this.#release(lease, 'nack');
    this.#pending = [];
    this.#pendingHead = 0;
    this.#disconnectIfDone();
  }

  #disconnectIfDone(): void {
    if (this.#streamsClosed === undefined || this.#open.size > 0) return;
    void this.#streamsClosed
      .then(() => this.#acknowledger.flush())
      .then(() => {
        this.#background.unsubscribe();
        this.#markDisconnected();
      });
  }
}

function toMessage(received: PubSubMessage) {
  const time = received.publishTime;
  return {
    id: received.messageId,
    payload: received.data,
    publishTime: time === null ? new Date().toISOString() : rfc3339(Number(time.seconds), time.nanos),
    attributes: received.attributes,
    enrichmentData: {},
  };
}
