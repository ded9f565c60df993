import type { Message } from './messages.ts';

/** Returns milliseconds of a monotonic clock. */
export type Clock = () => number;

/** A consumer of a subscription (a StreamingPull stream or a Pull call), with its outstanding messages. */
export interface Consumer {
  readonly maxMessages: number;
  /** The last message may exceed it, as google/pubsub/v1/pubsub.proto defines max_outstanding_bytes. */
  readonly maxBytes: number;
  outstanding: number;
  outstandingBytes: number;
  ackDeadlineSeconds: number;
}

/** A consumer that receives pushed messages while its client reads; `end` reports that the subscription is gone. */
export interface Subscriber extends Consumer {
  readonly paused: () => boolean;
  readonly deliver: (receivedMessages: object[]) => void;
  readonly end: (error: Error) => void;
}

/** The messages of one ordering key. Messages without a key have unordered lanes with the key ''. */
interface Lane {
  readonly key: string;
  waiting: Entry[];
  /** With a key: delivered messages from the oldest unacknowledged one on. */
  readonly delivered: Entry[];
  /** The only consumer that may take more while messages are delivered. */
  consumer?: Consumer | undefined;
  /** Time until which the retry policy delays the lane. */
  heldUntilMs: number;
}

/** One message's place in one subscription, from arrival to acknowledgment. */
export interface Entry {
  readonly message: Message;
  readonly lane: Lane;
  /** Number of nacks and expired leases; the delivery attempt is one higher. */
  failures: number;
  /** True if acknowledged while an earlier message of its key is not. */
  acked: boolean;
  /** The lease: its holder, its ack id, and its end. */
  consumer: Consumer | undefined;
  ackId: string;
  leasedUntilMs: number;
}

const newLane = (key: string): Lane => ({ key, waiting: [], delivered: [], heldUntilMs: 0 });
const UNLEASED = { failures: 0, acked: false, consumer: undefined, ackId: '', leasedUntilMs: 0 };

/**
 * The messages of a subscription that wait for delivery. Keeps order per key
 * (https://cloud.google.com/pubsub/docs/ordering): messages of a key go to one consumer while one of them is
 * outstanding, and when one returns, so do all later ones of its key, even acknowledged ones.
 */
export class Backlog {
  readonly #lanes = new Map<string, Lane>();
  /** Lanes with waiting messages, in the order of their turns. */
  readonly #busy = new Set<Lane>();
  readonly #now: Clock;

  constructor(now: Clock) {
    this.#now = now;
  }

  get size(): number {
    return Array.from(this.#busy).reduce((size, { waiting }) => size + waiting.length, 0);
  }

  add(message: Message, key: string): void {
    const lane = this.#lanes.get(key) ?? newLane(key);
    this.#lanes.set(key, lane);
    lane.waiting.push({ message, lane, ...UNLEASED });
    this.#busy.add(lane);
  }

  /** Takes the next messages for a consumer while `fits` accepts them. */
  take(consumer: Consumer, fits: (entry: Entry) => boolean): Entry[] {
    const taken: Entry[] = [];
    const now = this.#now();
    for (const lane of this.#busy) {
      if (lane.heldUntilMs > now || (lane.consumer ?? consumer) !== consumer) continue;
      const refused = lane.waiting.findIndex((entry) => !fits(entry));
      const entries = lane.waiting.splice(0, refused < 0 ? lane.waiting.length : refused);
      taken.push(...entries);
      if (lane.key !== '') lane.delivered.push(...entries);
      lane.consumer = consumer;
      this.#busy.delete(lane);
      this.#update(lane);
      if (refused >= 0) break;
    }
    return taken;
  }

  /**
   * Records that a taken message was acknowledged, or forwarded to the dead-letter topic, from where it cannot return.
   */
  done(entry: Entry, how: 'acknowledged' | 'forwarded'): void {
    const { key, delivered } = entry.lane;
    if (key === '') return;
    entry.acked = true;
    if (how === 'forwarded') delivered.splice(delivered.indexOf(entry), 1);
    while (delivered[0]?.acked) delivered.shift();
    this.#update(entry.lane);
  }

  /**
   * Records that a taken message was nacked or expired. Returns the messages that come back, including later ones of
   * its key.
   */
  giveBack(entry: Entry, heldUntilMs: number): Entry[] {
    const lane = entry.lane.key === '' ? newLane('') : entry.lane;
    const returned = lane === entry.lane ? lane.delivered.splice(lane.delivered.indexOf(entry)) : [entry];
    for (const one of returned) one.acked = false;
    lane.waiting = [...returned, ...lane.waiting];
    lane.heldUntilMs = heldUntilMs;
    this.#update(lane);
    return returned;
  }

  #update(lane: Lane): void {
    if (lane.delivered.length === 0) lane.consumer = undefined;
    if (lane.waiting.length > 0) this.#busy.add(lane);
    else this.#busy.delete(lane);
    if (lane.key !== '' && lane.waiting.length + lane.delivered.length === 0) this.#lanes.delete(lane.key);
  }
}
