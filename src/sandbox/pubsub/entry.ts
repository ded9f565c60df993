import type { Timed } from './timer-wheel.ts';

/** A publish request once it is taken. */
export interface Published {
  readonly bytes: Buffer;
  readonly publishTimeMs: number;
  /** Message ids increase with every message the server takes: this is the request's first. */
  readonly firstId: number;
}

/** A published message, shared by all subscriptions that hold it. Its fields are small integers, which need no box. */
export interface StoredMessage {
  readonly published: Published;
  /** Its place in the request, and in `published.bytes[start, end)` its PubsubMessage as the publisher encoded it. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** Empty when it has none. */
  readonly orderingKey: string;
}

/** Who takes messages from a subscription: a StreamingPull stream or a waiting Pull call. */
export interface Consumer {
  /** Whether it takes one more message now, by its flow control. */
  readonly wants: boolean;
  readonly ackDeadlineMs: number;
  /** Hands over one leased message; `flush` follows in the same tick. */
  add(entry: Entry): void;
  flush(): void;
  /** One of its messages is no longer outstanding: acknowledged, given back or expired. */
  settled(entry: Entry): void;
  /** The subscription is gone: ends with NOT_FOUND. */
  end(): void;
}

/** One message's place in one subscription, from its arrival to its acknowledgement. */
export class Entry implements Timed<Entry> {
  readonly message: StoredMessage;
  readonly owner: Owner;
  /** How often it was nacked or expired: its delivery attempt is one more. */
  failures = 0;
  /** Ordered subscriptions only: acknowledged, but an earlier message of its key is not. */
  acked = false;
  /** Who holds the lease; undefined while it waits. */
  consumer: Consumer | undefined = undefined;
  /** With `generation` the identity of its lease, which the ack id spells out. */
  slot = 0;
  generation = 0;
  dueTick = 0;
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;

  constructor(message: StoredMessage, owner: Owner) {
    this.message = message;
    this.owner = owner;
  }

  get size(): number {
    return this.message.end - this.message.start;
  }
}

/** The subscription an entry belongs to. */
export interface Owner {
  /** The entry's time has come: its lease expired, or its backoff is over. */
  due(entry: Entry): void;
}
