import { hostname } from 'node:os';
import { type Observable, type SchedulerLike, type Subscriber, Subscription } from 'rxjs';
import { AckHandle, Delivery, type DeliveryContext } from '../../core/delivery.ts';
import type { Readiness } from '../../core/readiness.ts';
import type { Source } from '../../core/source.ts';
import { stoppable } from '../../core/stoppable.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import { Acknowledger } from './acknowledger.ts';
import type { PubSubSourceConfig } from './config.ts';
import { Inbox } from './inbox.ts';
import { type Lease, Leases } from './lease.ts';
import { OrderBarrier } from './order-barrier.ts';
import { PullStreams } from './pull-stream.ts';
import type { SubscriberCalls } from './service-client.ts';

const REVIEW_MS = 1_000;
/** Above the client's own limits, so that credit always runs out first and batches are flushed for it. */
const SPARE_MESSAGES = 1_000;
const SPARE_BYTES = 10 * 1024 * 1024;

export interface PubSubSourceOptions {
  readonly client: SubscriberCalls;
  readonly projectId: string;
  readonly config: PubSubSourceConfig;
  readonly context: DeliveryContext;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  /** True if the graph keeps order by key: a returned message then takes its successors with it. */
  readonly keepsOrder: boolean;
  readonly scheduler?: SchedulerLike;
}

/**
 * Emits the deliveries of a Pub/Sub subscription as credit permits: at least once, in the order of the subscription.
 * Extends leases until a delivery is settled or `maxLeaseMs` has passed.
 *
 * With exactly-once delivery, confirms receipt before it emits a message, and counts acks that came too late.
 */
export class PubSubSource implements Source {
  readonly disconnected: Promise<void>;
  /**
   * True if the subscription has a retry policy: Pub/Sub then delays returned messages and does not count them as
   * outstanding. Otherwise the source delays them by their lease, and they take room in the stream's flow control.
   */
  subscriptionBacksOff = false;
  readonly #options: PubSubSourceOptions;
  readonly #scheduler: SchedulerLike;
  readonly #leases: Leases;
  readonly #acknowledger: Acknowledger;
  readonly #inbox: Inbox;
  readonly #barrier: OrderBarrier | undefined;
  readonly #streams: PullStreams;
  readonly #background = new Subscription();
  readonly #handlers: PubSubAckHandlers;
  #subscriber: Subscriber<Delivery> | undefined;
  /** Messages in the graph with valid leases. */
  #open = 0;
  #emitting = false;
  #stopped = false;
  #streamsClosed: Promise<unknown> | undefined;
  #markDisconnected: () => void = () => {};

  constructor(options: PubSubSourceOptions) {
    this.#options = options;
    const { client, config, projectId, telemetry, readiness } = options;
    this.#scheduler = options.scheduler ?? monotonicScheduler;
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
    this.#barrier = options.keepsOrder ? new OrderBarrier() : undefined;
    this.#inbox = new Inbox({
      leases: this.#leases,
      acknowledger: this.#acknowledger,
      barrier: this.#barrier,
      onMessages: () => this.#emit(),
    });
    this.#handlers = {
      acknowledged: ({ lease }) => this.#acknowledged(lease),
      givenBack: ({ lease }, afterMs) => this.#givenBack(lease, afterMs),
      isOutOfTurn: ({ lease }) => this.#barrier?.mustReturn(lease.message.orderingKey, lease.sequence) ?? false,
    };
    this.#streams = new PullStreams(config.streams, {
      client,
      subscription,
      clientId: `${hostname()}-${process.pid}`,
      ackDeadlineMs: config.ackDeadlineMs,
      keepaliveMs: config.keepaliveMs,
      maxOutstandingMessages: config.maxInFlight + SPARE_MESSAGES,
      maxOutstandingBytes: config.maxInFlightBytes + SPARE_BYTES,
      onMessages: (response) => this.#inbox.receive(response, this.#scheduler.now()),
      onOpen: () => {
        telemetry.event('pubsub.stream_opened', { subscription });
        readiness.set('pubsub.stream', 'ok');
      },
      onLost: (error, attempt) => {
        telemetry.event('pubsub.stream_lost', { subscription, error: error.message, attempt });
        if (attempt > 1) readiness.set('pubsub.stream', 'failing', `not receiving: ${error.message}`);
      },
      scheduler: this.#scheduler,
    });
    this.disconnected = new Promise((resolve) => {
      this.#markDisconnected = resolve;
    });
  }

  get unconfirmed(): number {
    return this.#acknowledger.unconfirmed;
  }

  /** Messages that wait for credit, or for confirmation of their receipt. */
  get pending(): number {
    return this.#inbox.size;
  }

  /** Messages returned on arrival because an earlier message of their ordering key had gone back. */
  get outOfTurn(): number {
    return this.#inbox.outOfTurn;
  }

  /** Streams that are open. */
  get openStreams(): number {
    return this.#streams.openCount;
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
    for (const { holder } of [...this.#leases]) holder?.abandon();
  }

  #begin(subscriber: Subscriber<Delivery>): void {
    this.#subscriber = subscriber;
    this.#options.readiness.set('pubsub.stream', 'failing', 'connecting');
    this.#background.add(
      this.#options.context.credit.released.subscribe({
        next: () => this.#emit(),
        error: (error) => subscriber.error(error),
      }),
    );
    const review = () => this.#review();
    this.#background.add(
      this.#scheduler.schedule(function tick() {
        review();
        this.schedule(undefined, REVIEW_MS);
      }, REVIEW_MS),
    );
    this.#streams.open();
  }

  /**
   * Emits pending messages as far as credit permits. Settling inside the loop releases credit, so it is not re-entrant.
   */
  #emit(): void {
    if (this.#emitting || this.#subscriber === undefined) return;
    this.#emitting = true;
    const { context } = this.#options;
    while (!this.#stopped) {
      const next = this.#inbox.peek();
      if (next === undefined || !context.credit.tryTake(next.message.byteLength)) break;
      this.#inbox.take();
      const ackHandle = new PubSubAckHandle(context, next, this.#handlers);
      this.#open += 1;
      this.#subscriber.next(new Delivery(next.message, ackHandle));
    }
    this.#emitting = false;
    this.#streams.flow(this.#inbox.ready === 0);
  }

  #acknowledged(lease: Lease): void {
    this.#letGo(lease);
    this.#acknowledger.ack(lease);
    this.#disconnectIfDone();
  }

  #givenBack(lease: Lease, afterMs: number): void {
    this.#letGo(lease);
    if (afterMs > 0 && !this.subscriptionBacksOff) this.#acknowledger.postpone(lease, afterMs);
    else this.#acknowledger.nack(lease);
    this.#wentBack(lease);
    this.#disconnectIfDone();
  }

  #letGo(lease: Lease): void {
    this.#open -= 1;
    lease.holder = undefined;
    this.#leases.release(lease);
  }

  #wentBack({ message: { orderingKey, messageId }, sequence }: Lease): void {
    if (orderingKey !== '') this.#barrier?.returned(orderingKey, messageId, sequence, this.#scheduler.now());
  }

  #review(): void {
    const now = this.#scheduler.now();
    const { extend, expired } = this.#leases.review(now);
    this.#acknowledger.extend(extend, {
      onExtended: (leases, askedAt) => this.#leases.extended(leases, askedAt),
      onFailed: (leases) => this.#leases.notExtended(leases),
      onLost: (leases) => this.#expire(leases),
    });
    this.#expire(expired);
    this.#barrier?.review({ oldest: this.#oldestSequence, next: this.#leases.nextSequence, now });
  }

  /** The sequence of the oldest message that the graph may hold. */
  get #oldestSequence(): number {
    const { credit, ledger } = this.#options.context;
    // An expired delivery has left the ledger but keeps its credit until the graph releases it.
    if (credit.messages > ledger.inFlight) return 0;
    return this.#leases.oldestSequence;
  }

  #expire(leases: readonly Lease[]): void {
    if (leases.length === 0) return;
    this.#options.telemetry.event('pubsub.lease_expired', { messages: leases.length });
    const gone = new Set(leases);
    for (const lease of this.#inbox.forget(gone)) this.#wentBack(lease);
    for (const lease of leases) {
      this.#leases.release(lease);
      const { holder } = lease;
      if (holder === undefined) continue;
      lease.holder = undefined;
      this.#open -= 1;
      holder.expire();
      this.#wentBack(lease);
    }
    this.#disconnectIfDone();
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#streamsClosed = this.#streams.close();
    this.#inbox.close();
    this.#disconnectIfDone();
  }

  #disconnectIfDone(): void {
    if (this.#streamsClosed === undefined || this.#open > 0) return;
    void this.#streamsClosed
      .then(() => this.#inbox.confirmed)
      .then(() => this.#acknowledger.flush())
      .then(() => {
        this.#background.unsubscribe();
        this.#markDisconnected();
      });
  }
}

/** Callbacks from an ack handle to its source. */
export interface PubSubAckHandlers {
  readonly acknowledged: (ackHandle: PubSubAckHandle) => void;
  readonly givenBack: (ackHandle: PubSubAckHandle, afterMs: number) => void;
  readonly isOutOfTurn: (ackHandle: PubSubAckHandle) => boolean;
}

/** The right to settle one Pub/Sub message while its lease lasts. */
export class PubSubAckHandle extends AckHandle {
  readonly lease: Lease;
  readonly #handlers: PubSubAckHandlers;

  constructor(context: DeliveryContext, lease: Lease, handlers: PubSubAckHandlers) {
    super(context, lease.message, lease.message.byteLength);
    this.lease = lease;
    this.#handlers = handlers;
    lease.holder = this;
  }

  override get isOutOfTurn(): boolean {
    return this.#handlers.isOutOfTurn(this);
  }

  /** A dead-letter policy counts each return as a failed delivery attempt. */
  override get mayPostpone(): boolean {
    return this.lease.message.deliveryAttempt === 0;
  }

  protected override acknowledge(): void {
    this.#handlers.acknowledged(this);
  }

  protected override giveBack(afterMs: number): void {
    this.#handlers.givenBack(this, afterMs);
  }
}
