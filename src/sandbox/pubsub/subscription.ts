import type { AckIds } from './ack-id.ts';
import { type Backlog, UnorderedBacklog } from './backlog.ts';
import { type Consumer, Entry, type Owner, type StoredMessage } from './entry.ts';
import type { LeaseTable } from './lease-table.ts';
import { OrderedBacklog } from './ordered-backlog.ts';
import { type SubscriptionSettings, seconds } from './subscription-settings.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** What all subscriptions of a server share. */
export interface Shared {
  readonly leases: LeaseTable;
  readonly wheel: TimerWheel<Entry>;
  /** Publishes to the dead-letter topic; false if that cannot be done, and the message stays. */
  deadLetter(entry: Entry, settings: SubscriptionSettings): boolean;
}

/** One response carries at most so much, so that several consumers share a backlog and none hogs the event loop. */
const MAX_BATCH = 1000;
const MAX_BATCH_BYTES = 1024 * 1024;

/** A subscription's messages: waiting, leased to a consumer, or held back by the retry policy. */
export class Subscription implements Owner {
  settings: SubscriptionSettings;
  readonly #shared: Shared;
  readonly #backlog: Backlog;
  #consumers: Consumer[] = [];
  #dispatching = false;
  #closed = false;

  constructor(settings: SubscriptionSettings, shared: Shared) {
    this.settings = settings;
    this.#shared = shared;
    this.#backlog = settings.enableMessageOrdering ? new OrderedBacklog() : new UnorderedBacklog();
  }

  get name(): string {
    return this.settings.name ?? '';
  }

  add(message: StoredMessage): void {
    this.#backlog.add(new Entry(message, this));
  }

  attach(consumer: Consumer): void {
    this.#consumers.push(consumer);
    this.dispatch();
  }

  /** What the consumer has outstanding stays leased until it is acknowledged or expires. */
  detach(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer);
  }

  /** Ends all consumers with NOT_FOUND. */
  close(): void {
    this.#closed = true;
    for (const consumer of this.#consumers) consumer.end();
  }

  /** Acknowledges; returns the positions of those ack ids that no lease stands behind (any more). */
  acknowledge(ackIds: AckIds): number[] {
    return this.#forEachLease(ackIds, (entry) => {
      this.#release(entry);
      this.#backlog.done(entry);
    });
  }

  /** Sets new deadlines from now on, 0 gives back at once; returns the positions without a lease. */
  modify(ackIds: AckIds, secondsOf: (index: number) => number): number[] {
    return this.#forEachLease(ackIds, (entry, index) => {
      const deadline = secondsOf(index);
      if (deadline === 0) this.#giveBack(entry);
      else this.#shared.wheel.set(entry, deadline * 1000);
    });
  }

  due(entry: Entry): void {
    if (this.#closed) {
      if (entry.consumer !== undefined) this.#release(entry);
      return;
    }
    if (entry.consumer !== undefined) this.#giveBack(entry);
    else this.#backlog.resume(entry);
    this.dispatch();
  }

  /** Hands out what can be handed out, once per turn of the event loop, so that messages travel in batches. */
  dispatch(): void {
    if (this.#dispatching || this.#closed) return;
    this.#dispatching = true;
    setImmediate(() => {
      this.#dispatching = false;
      if (!this.#closed) while (this.#handOut());
    });
  }

  /** One round of equal shares; false when nothing could be handed out. */
  #handOut(): boolean {
    const open = this.#consumers.filter((consumer) => consumer.wants);
    if (open.length === 0 || this.#backlog.size === 0) return false;
    const share = Math.min(MAX_BATCH, Math.ceil(this.#backlog.size / open.length));
    let progress = false;
    for (const consumer of open) progress = this.#fill(consumer, share) || progress;
    const first = this.#consumers.shift();
    if (first !== undefined) this.#consumers.push(first);
    return progress;
  }

  #fill(consumer: Consumer, share: number): boolean {
    let taken = 0;
    for (let bytes = 0; taken < share && bytes < MAX_BATCH_BYTES && consumer.wants; taken += 1) {
      const entry = this.#backlog.take(consumer);
      if (entry === undefined) break;
      entry.consumer = consumer;
      this.#shared.leases.grant(entry);
      this.#shared.wheel.set(entry, consumer.ackDeadlineMs);
      consumer.add(entry);
      bytes += entry.size;
    }
    if (taken > 0) consumer.flush();
    return taken > 0;
  }

  #forEachLease(ackIds: AckIds, act: (entry: Entry, index: number) => void): number[] {
    const missing: number[] = [];
    for (let i = 0; i < ackIds.length; i += 1) {
      const entry = this.#shared.leases.find(ackIds.slots[i] ?? -1, ackIds.generations[i] ?? -1);
      if (entry === undefined || entry.owner !== this) missing.push(i);
      else act(entry, i);
    }
    this.dispatch();
    return missing;
  }

  #release(entry: Entry): void {
    this.#shared.leases.release(entry);
    this.#shared.wheel.remove(entry);
    const { consumer } = entry;
    entry.consumer = undefined;
    consumer?.settled(entry);
  }

  /** After a nack or an expiry: to the dead-letter topic, or back to the backlog now or after a backoff. */
  #giveBack(entry: Entry): void {
    this.#release(entry);
    entry.failures += 1;
    const { deadLetterPolicy, enableExactlyOnceDelivery } = this.settings;
    const once = enableExactlyOnceDelivery ?? false;
    const exhausted = deadLetterPolicy && entry.failures >= (deadLetterPolicy.maxDeliveryAttempts ?? 5);
    if (exhausted && this.#shared.deadLetter(entry, this.settings)) {
      this.#backlog.drop(entry);
      return;
    }
    const delayMs = this.#backoffMs(entry.failures);
    for (const later of this.#backlog.giveBack(entry, delayMs > 0, once)) {
      if (later.consumer !== undefined) this.#release(later);
    }
    if (delayMs > 0) this.#shared.wheel.set(entry, delayMs);
  }

  /** Doubles with every failure from the minimum to the maximum backoff; 0 without a retry policy. */
  #backoffMs(failures: number): number {
    const { retryPolicy } = this.settings;
    if (!retryPolicy) return 0;
    const minimum = seconds(retryPolicy.minimumBackoff);
    return Math.min(minimum * 2 ** (failures - 1), seconds(retryPolicy.maximumBackoff)) * 1000;
  }
}
