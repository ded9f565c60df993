import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IConnackPacket, MqttClient } from 'mqtt';
import type { MqttConnectionConfig } from '../../connectors/mqtt/client.ts';
import { closePublisher, connectPublisher, NO_MATCHING_SUBSCRIBERS } from '../../connectors/mqtt/publisher.ts';
import { toError } from '../../core/errors.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** One message of a load. */
export interface LoadMessage {
  readonly topic: string;
  readonly payload: Buffer;
}

export interface LoadOptions<M extends LoadMessage> {
  /** The broker; a load uses its own client ids. */
  readonly broker: MqttConnectionConfig;
  /** Messages per second. Default, and Infinity: as fast as the broker accepts them. */
  readonly ratePerSecond?: number | undefined;
  /** Default: 1. */
  readonly qos?: 0 | 1 | 2 | undefined;
  /** Default: 1. */
  readonly connections?: number | undefined;
  /** Messages of one lane use one connection, and so keep their order. Default: all use the first. */
  readonly laneOf?: ((message: M) => number) | undefined;
  /** Unconfirmed messages per connection; fewer if an MQTT 5 broker accepts fewer. Default: 500. */
  readonly window?: number | undefined;
  /** Time after which nothing is sent, in milliseconds. Default: no limit. */
  readonly lastsMs?: number | undefined;
  /**
   * Ends the load after this time without a confirmation while some are awaited, or if some are still awaited this long
   * after the last message was sent. Default: a minute.
   */
  readonly stalledAfterMs?: number | undefined;
  /** Stops sending; messages in flight are awaited. */
  readonly signal?: AbortSignal | undefined;
  readonly onSending?: ((message: M) => void) | undefined;
  readonly onConfirmed?: ((message: M) => void) | undefined;
}

/** Progress of a load. `sent = confirmed + refused + unconfirmed` at every moment. */
export interface LoadProgress {
  /** Messages passed to the client, each counted once, however often it is sent. */
  sent: number;
  /** With QoS 0 written messages, with 1 and 2 those acknowledged by the broker. */
  confirmed: number;
  /** Answered with an error, or abandoned by the client. */
  refused: number;
  /** The errors by message, at most 20. */
  readonly refusals: Map<string, number>;
  readonly unconfirmed: number;
  /** Packets beyond `sent`: messages are sent again after a reconnect, and subscribers may see them twice. */
  resent: number;
  reconnects: number;
  /** Confirmed messages for which an MQTT 5 broker reports no subscribers. */
  unheard: number;
  /**
   * Milliseconds until the confirmation, from the moment a message was due or, without a rate, was sent. A broker that
   * blocks for a second thus affects every message due in that second.
   */
  readonly latency: LatencyHistogram;
}

/** The end of a load. */
export interface LoadEnd {
  /** From the first due message to the last confirmation. */
  readonly seconds: number;
  /** From the first due message until none was left to send. */
  readonly sendingSeconds: number;
  /** No message left, `lastsMs` over, the signal, or an error. */
  readonly stoppedBy: 'end' | 'time' | 'signal' | Error;
}

const DEFAULT_WINDOW = 500;
const STALLED_AFTER_MS = 60_000;
const WATCH_MS = 250;
const NAMED = 20;

/** Creates an empty report for a load. */
export function newLoadProgress(): LoadProgress {
  return {
    ...{ sent: 0, confirmed: 0, refused: 0, resent: 0, reconnects: 0, unheard: 0 },
    refusals: new Map(),
    latency: new LatencyHistogram(),
    get unconfirmed() {
      return this.sent - this.confirmed - this.refused;
    },
  };
}

interface Connection {
  readonly client: MqttClient;
  window: number;
  unconfirmed: number;
}

/**
 * Publishes messages over MQTT at a steady rate, whatever the broker does (open loop), until they end, the time is over
 * or the signal comes. Resolves when each is confirmed or refused. Reopens broken connections.
 *
 * At most `window` messages per connection are unconfirmed; messages delayed by that are sent late, as fast as
 * possible.
 *
 * @throws FatalError or RetryableError if the first connection fails; nothing was sent then.
 */
export async function publishLoad<M extends LoadMessage>(
  messages: Iterable<M> | AsyncIterable<M>,
  options: LoadOptions<M>,
  progress: LoadProgress = newLoadProgress(),
): Promise<LoadEnd> {
  const connections = await openConnections(options, progress);
  try {
    return await new Publishing(connections, options, progress).run(messages);
  } finally {
    const force = progress.unconfirmed > 0;
    await Promise.all(connections.map(({ client }) => closePublisher(client, { force })));
  }
}

async function openConnections<M extends LoadMessage>(
  { broker, connections = 1, window = DEFAULT_WINDOW }: LoadOptions<M>,
  progress: LoadProgress,
): Promise<Connection[]> {
  const run = randomBytes(4).toString('hex');
  const opening = Array.from({ length: connections }, async (_, index): Promise<Connection> => {
    const { client, connack } = await connectPublisher({ ...broker, clientId: `load-${run}-${index}` });
    const windowOf = ({ properties }: IConnackPacket) => Math.min(window, properties?.receiveMaximum ?? window);
    const connection: Connection = { client, window: windowOf(connack), unconfirmed: 0 };
    // MQTT.js sets no DUP flag when it resends; a packet id in flight reveals it.
    const onTheirWay = new Set<number>();
    client.on('packetsend', (packet) => {
      // QoS 0 has no packet id: MQTT.js uses 0.
      if (packet.cmd !== 'publish' || !packet.messageId) return;
      if (onTheirWay.has(packet.messageId)) progress.resent += 1;
      onTheirWay.add(packet.messageId);
    });
    client.on('packetreceive', (packet) => {
      // MQTT.js reports the connection only after it has resent unconfirmed messages.
      if (packet.cmd === 'connack') {
        progress.reconnects += 1;
        connection.window = windowOf(packet);
      }
      if (packet.cmd !== 'puback' && packet.cmd !== 'pubrec') return;
      if (packet.messageId !== undefined) onTheirWay.delete(packet.messageId);
      if (packet.reasonCode === NO_MATCHING_SUBSCRIBERS) progress.unheard += 1;
    });
    return connection;
  });
  const opened = await Promise.allSettled(opening);
  const open = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = opened.find((one) => one.status === 'rejected');
  if (failed === undefined) return open;
  await Promise.all(open.map(({ client }) => closePublisher(client, { force: true })));
  throw failed.reason;
}

/** One load: paces, sends and counts. */
class Publishing<M extends LoadMessage> {
  readonly #connections: readonly Connection[];
  readonly #options: LoadOptions<M>;
  readonly #progress: LoadProgress;
  #startedAt = 0;
  #heardAt = 0;
  #stalled: Error | undefined;
  #hasEnded = false;
  /** When the last message was sent. */
  #sentAt = Number.POSITIVE_INFINITY;
  /** Ends the wait for room, or for the last confirmations. */
  #wake: () => void = () => {};

  constructor(connections: readonly Connection[], options: LoadOptions<M>, progress: LoadProgress) {
    this.#connections = connections;
    this.#options = options;
    this.#progress = progress;
  }

  async run(messages: Iterable<M> | AsyncIterable<M>): Promise<LoadEnd> {
    const { signal } = this.#options;
    const progress = this.#progress;
    this.#startedAt = performance.now();
    this.#heardAt = this.#startedAt;
    const watch = setInterval(() => this.#look(), WATCH_MS);
    const wake = () => this.#wake();
    signal?.addEventListener('abort', wake);
    try {
      const stoppedBy = await this.#send(messages);
      const sentAt = performance.now();
      this.#sentAt = sentAt;
      while (progress.unconfirmed > 0 && this.#stalled === undefined) await this.#change();
      return {
        seconds: (performance.now() - this.#startedAt) / 1_000,
        sendingSeconds: (sentAt - this.#startedAt) / 1_000,
        stoppedBy: this.#stalled ?? stoppedBy,
      };
    } finally {
      this.#hasEnded = true;
      clearInterval(watch);
      signal?.removeEventListener('abort', wake);
    }
  }

  async #send(messages: Iterable<M> | AsyncIterable<M>): Promise<LoadEnd['stoppedBy']> {
    const { ratePerSecond = Number.POSITIVE_INFINITY, signal } = this.#options;
    const endsAt = this.#startedAt + (this.#options.lastsMs ?? Number.POSITIVE_INFINITY);
    const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    const stopped = (): LoadEnd['stoppedBy'] | undefined => {
      if (signal?.aborted) return 'signal';
      return this.#stalled ?? (performance.now() >= endsAt ? 'time' : undefined);
    };
    try {
      for (let paced = 0; ; paced += 1) {
        const dueAt = this.#startedAt + (paced * 1_000) / ratePerSecond;
        await until(Math.min(dueAt, endsAt), signal);
        const stoppedBy = stopped();
        if (stoppedBy !== undefined) return stoppedBy;
        const next = await iterator.next();
        if (next.done) return 'end';
        const message = next.value;
        const connection = this.#connectionOf(message);
        while (connection.unconfirmed >= connection.window && stopped() === undefined) await this.#change();
        if (this.#stalled !== undefined) return this.#stalled;
        // Sent even if the load was stopped in the meantime, because another load may continue with the following
        // messages.
        this.#publish(message, connection, ratePerSecond === Number.POSITIVE_INFINITY ? undefined : dueAt);
      }
    } finally {
      await iterator.return?.();
    }
  }

  #connectionOf(message: M): Connection {
    const lane = this.#options.laneOf?.(message) ?? 0;
    const connection = this.#connections[lane % this.#connections.length];
    if (connection === undefined) throw new Error(`there is no connection for lane ${lane}`);
    return connection;
  }

  #publish(message: M, connection: Connection, dueAt: number | undefined): void {
    const { qos = 1, onSending, onConfirmed } = this.#options;
    const progress = this.#progress;
    const now = performance.now();
    const from = Math.min(now, dueAt ?? now);
    onSending?.(message);
    // The first message after a quiet time gets the full time for its confirmation.
    if (progress.unconfirmed === 0) this.#heardAt = now;
    progress.sent += 1;
    connection.unconfirmed += 1;
    connection.client.publish(message.topic, message.payload, { qos }, (thrown) => {
      // A client closed by force calls back with an error for each pending message.
      if (this.#hasEnded) return;
      this.#heardAt = performance.now();
      connection.unconfirmed -= 1;
      if (thrown) this.#refused(toError(thrown).message);
      else {
        progress.confirmed += 1;
        progress.latency.add(this.#heardAt - from);
        onConfirmed?.(message);
      }
      this.#wake();
    });
  }

  #refused(why: string): void {
    const { refusals } = this.#progress;
    this.#progress.refused += 1;
    if (refusals.has(why) || refusals.size < NAMED) refusals.set(why, (refusals.get(why) ?? 0) + 1);
  }

  /** Resolves when a message is settled, the signal is given, or after a moment. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #look(): void {
    const { stalledAfterMs = STALLED_AFTER_MS } = this.#options;
    const { unconfirmed } = this.#progress;
    const waitedMs = performance.now() - Math.min(this.#heardAt, this.#sentAt);
    if (unconfirmed > 0 && waitedMs > stalledAfterMs) {
      this.#stalled ??= new Error(
        `${unconfirmed.toLocaleString('en-US')} messages have been waiting for the broker's confirmation for more than ${stalledAfterMs / 1_000} s`,
      );
    }
    this.#wake();
  }
}

async function until(time: number, signal: AbortSignal | undefined): Promise<void> {
  const waitMs = time - performance.now();
  if (waitMs > 1) await sleep(waitMs, undefined, { ...(signal && { signal }) }).catch(() => {});
}
