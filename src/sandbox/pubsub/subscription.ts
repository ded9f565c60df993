import { Backlog, type Clock, type Consumer, type Entry, type Subscriber } from './backlog.ts';
import type { Message } from './messages.ts';
import { invalidAckIds, invalidArgument } from './rpc.ts';
import { type SubscriptionSettings, seconds } from './subscription-settings.ts';

/** Limits of one response, so that consumers share a backlog and none blocks the event loop. */
const MAX_BATCH = 1000;
const MAX_BATCH_BYTES = 1024 * 1024;
const ACK_ID = /^\d{16}$/;

const hasRoom = ({ outstanding, maxMessages, outstandingBytes, maxBytes }: Consumer) =>
  outstanding < maxMessages && outstandingBytes < maxBytes;

/** A subscription's messages: waiting, or leased to a consumer. */
export class Subscription {
  /** Ack ids increase across all subscriptions, so that an id is valid for one only. */
  static #lastAckId = Date.now() * 1000;
  settings: SubscriptionSettings;
  /** Publishes to the dead-letter topic; returns false if that is impossible, and the message stays. */
  readonly #deadLetter: (entry: Entry, settings: SubscriptionSettings) => boolean;
  readonly #now: Clock;
  readonly #backlog: Backlog;
  readonly #leases = new Map<string, Entry>();
  /** Messages outstanding at a removed consumer stay leased until they are acknowledged or expire. */
  readonly subscribers = new Set<Subscriber>();
  #turn: NodeJS.Immediate | undefined;

  constructor(
    settings: SubscriptionSettings,
    deadLetter: (entry: Entry, settings: SubscriptionSettings) => boolean,
    now: Clock = () => performance.now(),
  ) {
    this.settings = settings;
    this.#deadLetter = deadLetter;
    this.#now = now;
    this.#backlog = new Backlog(now);
  }

  add(messages: readonly Message[]): void {
    const ordered = this.settings.enableMessageOrdering;
    for (const message of messages) this.#backlog.add(message, ordered ? message.orderingKey : '');
    this.dispatch();
  }

  /**
   * Acknowledges leased messages, or sets a new ack deadline in seconds, where 0 returns them immediately. Ignores ack
   * ids with ended leases like the service, unless the subscription has exactly-once delivery. Refuses invalid ack ids.
   */
  settle(ackIds: readonly string[], outcomeOf: (index: number) => number | 'acknowledged'): void {
    const ended: string[] = [];
    const wrong = ackIds.find((ackId) => !ACK_ID.test(ackId));
    if (wrong !== undefined || ackIds.length === 0) throw invalidArgument(`Invalid ack id (ack_id=${wrong ?? ''}).`);
    for (const [index, ackId] of ackIds.entries()) {
      const outcome = outcomeOf(index);
      if (outcome !== 'acknowledged' && (outcome < 0 || outcome > 600))
        throw invalidArgument(`The ack deadline must be from 0 to 600 seconds, not ${outcome}.`);
      const entry = this.#leases.get(ackId);
      if (entry === undefined) {
        ended.push(ackId);
        continue;
      }
      if (outcome === 'acknowledged') this.#done(entry, outcome);
      else if (outcome === 0) this.#giveBack(entry);
      else entry.leasedUntilMs = this.#now() + outcome * 1000;
    }
    this.dispatch();
    if (ended.length > 0 && this.settings.enableExactlyOnceDelivery) throw invalidAckIds(ended);
  }

  /** Takes back expired leases, and releases ended backoffs. Must be called often. */
  expire(nowMs = this.#now()): void {
    for (const entry of this.#leases.values()) if (entry.leasedUntilMs <= nowMs) this.#giveBack(entry);
    this.dispatch();
  }

  /** Delivers what is possible, once per turn of the event loop, so that messages are batched. */
  dispatch(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      const open = Array.from(this.subscribers).filter((subscriber) => hasRoom(subscriber) && !subscriber.paused());
      const share = Math.min(MAX_BATCH, Math.ceil(this.#backlog.size / open.length));
      for (const subscriber of open) {
        const received = this.lease(subscriber, share);
        if (received.length === 0) continue;
        // Gives another subscriber the first turn next time.
        if (this.subscribers.delete(subscriber)) this.subscribers.add(subscriber);
        subscriber.deliver(received);
        this.dispatch();
      }
    });
  }

  /** Leases waiting messages to a consumer, within its flow control and that of one response. */
  lease(consumer: Consumer, share = MAX_BATCH): object[] {
    let [count, bytes] = [0, 0];
    const entries = this.#backlog.take(consumer, ({ message }) => {
      if (count >= share || bytes >= MAX_BATCH_BYTES || !hasRoom(consumer)) return false;
      count += 1;
      bytes += message.bytes.length;
      consumer.outstanding += 1;
      consumer.outstandingBytes += message.bytes.length;
      return true;
    });
    const leasedUntilMs = this.#now() + consumer.ackDeadlineSeconds * 1000;
    return entries.map((entry) => {
      Subscription.#lastAckId += 1;
      entry.ackId = String(Subscription.#lastAckId);
      entry.consumer = consumer;
      entry.leasedUntilMs = leasedUntilMs;
      this.#leases.set(entry.ackId, entry);
      const deliveryAttempt = this.settings.deadLetterPolicy ? entry.failures + 1 : 0;
      return { ackId: entry.ackId, message: entry.message.bytes, deliveryAttempt };
    });
  }

  #release(entry: Entry): void {
    if (!this.#leases.delete(entry.ackId) || entry.consumer === undefined) return;
    entry.consumer.outstanding -= 1;
    entry.consumer.outstandingBytes -= entry.message.bytes.length;
  }

  #done(entry: Entry, how: 'acknowledged' | 'forwarded'): void {
    this.#release(entry);
    this.#backlog.done(entry, how);
  }

  /**
   * After a nack or an expiry: sends the message to the dead-letter topic, or back to the backlog now or after a
   * backoff.
   */
  #giveBack(entry: Entry): void {
    entry.failures += 1;
    const { deadLetterPolicy, retryPolicy } = this.settings;
    const exhausted = deadLetterPolicy && entry.failures >= (deadLetterPolicy.maxDeliveryAttempts ?? 0);
    const doubled = seconds(retryPolicy?.minimumBackoff) * 2 ** (entry.failures - 1);
    const backoffMs = Math.min(doubled, seconds(retryPolicy?.maximumBackoff)) * 1000;
    if (exhausted && this.#deadLetter(entry, this.settings)) this.#done(entry, 'forwarded');
    else for (const one of this.#backlog.giveBack(entry, this.#now() + backoffMs)) this.#release(one);
  }
}
