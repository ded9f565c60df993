import type { IConnackPacket, MqttClient } from 'mqtt';
import { type Observable, type SchedulerLike, type Subscriber, Subscription } from 'rxjs';
import { Delivery, type DeliveryContext } from '../../core/delivery.ts';
import type { ConditionSetter } from '../../core/readiness.ts';
import type { Source } from '../../core/source.ts';
import { stoppable } from '../../core/stoppable.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import { LinkedList } from '../../util/linked-list.ts';
import type { MqttSourceConfig } from './config.ts';
import { MqttConnection } from './connection.ts';
import { Copies } from './copies.ts';
import { MqttAckHandle, type MqttSettlements, PubackQueue } from './puback-queue.ts';
import { attributesOf, messageOf, tooLarge } from './received-message.ts';
import { type MqttSubscription, Subscriptions } from './subscriptions.ts';
import { sharedFilter } from './topic-filter.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

/** Time for a broker that resumes a session to resend unacknowledged messages. */
const RESENT_WITHIN_MS = 5_000;

export interface MqttSourceOptions {
  /** A client that has not connected yet: see `createMqttClient`. */
  readonly client: MqttClient;
  readonly config: MqttSourceConfig;
  /** Emits the current list of subscriptions, then every change. */
  readonly subscriptions: Observable<readonly MqttSubscription[]>;
  readonly context: DeliveryContext;
  readonly telemetry: Telemetry;
  readonly readiness: ConditionSetter;
  readonly scheduler?: SchedulerLike;
}

/**
 * Emits the deliveries of MQTT topics, in order of receipt. QoS 1 is at least once: the PUBACK follows the settlement.
 * QoS 0 is at most once.
 *
 * A message id is a UUIDv7 created on receipt. A redelivery gets a new id, unless the earlier delivery is still being
 * processed. At the limit of credit, or of messages that owe a PUBACK, the connection is paused: the parser stops, TCP
 * pushes back, and pings keep the session alive.
 */
export class MqttSource implements Source {
  readonly disconnected: Promise<void>;
  readonly #options: MqttSourceOptions;
  readonly #scheduler: SchedulerLike;
  readonly #connection: MqttConnection;
  readonly #pubacks: PubackQueue;
  readonly #subscriptions: Subscriptions;
  readonly #copies = new Copies();
  readonly #open = new LinkedList<MqttAckHandle>();
  readonly #settlements: MqttSettlements = {
    completed: (ackHandle) => this.#completed(ackHandle),
    givenBack: (ackHandle) => this.#givenBack(ackHandle),
  };
  readonly #onLeftOut = (topic: string, leftOut: number): void =>
    this.#options.telemetry.event('mqtt.properties_left_out', { topic, leftOut });
  readonly #background = new Subscription();
  readonly #paused = new PausedPackets();
  #resent = Subscription.EMPTY;
  #subscriber: Subscriber<Delivery> | undefined;
  /** True once this process has had a session that the broker can lose. */
  #hasSession = false;
  #flushing = false;
  #stopped = false;
  #ended = false;
  /** The most PUBACKs that the broker had not read when the source was aborted while it waited for that. */
  #unread = 0;
  #markDisconnected: () => void = () => {};

  constructor(options: MqttSourceOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? monotonicScheduler;
    this.#pubacks = new PubackQueue(options.config.ackOrder === 'strict');
    this.#subscriptions = new Subscriptions({
      ...options,
      onSubscribe: (filter, id) => this.#copies.subscribing(filter, id),
      onSubscribed: () => this.#copies.subscribed(),
      onUnsubscribe: (filter) => this.#copies.unsubscribing(filter),
    });
    this.#connection = new MqttConnection(options, {
      onMessage: (packet, resume) => this.#receive(packet, resume),
      onNewStream: () => {
        this.#pubacks.disconnected();
        this.#copies.forget();
      },
      onConnected: (connack) => this.#connected(connack),
      onClosed: () => this.#closed(),
      onRefused: (error) => this.#subscriber?.error(error),
      isPaused: () => this.isPaused,
    });
    this.disconnected = new Promise((resolve) => {
      this.#markDisconnected = resolve;
    });
  }

  /**
   * Settled messages that still owe a PUBACK. Without it, they are delivered again. After an abort, also those whose
   * PUBACKs the broker may not have read.
   */
  get unconfirmed(): number {
    return this.#pubacks.size + this.#unread;
  }

  /** Settled messages whose PUBACK waits for an older one. */
  get waitingPubacks(): number {
    return this.#pubacks.waiting;
  }

  /** True while the connection is paused. */
  get isPaused(): boolean {
    return !this.#paused.isEmpty;
  }

  /** True while the broker is connected. */
  get isConnected(): boolean {
    return this.#connection.isLive;
  }

  deliveries(stop: Observable<unknown>): Observable<Delivery> {
    return stoppable(stop, {
      begin: (subscriber) => this.#begin(subscriber),
      stop: () => this.#stop(),
      abort: () => this.abort(),
    });
  }

  abort(): void {
    if (this.#ended) this.#unread += this.#connection.unreadPubacks;
    this.#stop();
    for (const ackHandle of [...this.#open]) ackHandle.abandon();
    this.#disconnectIfDone();
    if (this.#ended) this.#connection.destroy();
  }

  #begin(subscriber: Subscriber<Delivery>): void {
    this.#subscriber = subscriber;
    const { context, subscriptions } = this.#options;
    const error = (thrown: unknown): void => subscriber.error(thrown);
    this.#background.add(context.credit.released.subscribe({ next: () => this.#release(), error }));
    const { shareGroup } = this.#options.config;
    this.#background.add(
      subscriptions.subscribe({
        next: (wanted) => {
          const shared = wanted.map(({ filter, qos }) => ({ filter: sharedFilter(shareGroup, filter), qos }));
          void this.#subscriptions.want(shared);
        },
        error,
      }),
    );
    try {
      this.#connection.connect();
    } catch (thrown) {
      subscriber.error(thrown);
    }
  }

  #connected({ sessionPresent, properties }: IConnackPacket): void {
    const { config } = this.#options;
    if (!sessionPresent) this.#newSession();
    this.#hasSession = true;
    const hasIds = config.protocolVersion === 5 && properties?.subscriptionIdentifiersAvailable !== false;
    this.#subscriptions.connected(sessionPresent, hasIds);
    this.#resent.unsubscribe();
    const { number } = this.#connection;
    this.#resent = this.#scheduler.schedule(() => {
      this.#pubacks.forgetBefore(number);
      this.#release();
    }, RESENT_WITHIN_MS);
    // A lost session may leave nothing to wait for. The new session is subscribed first, so that it collects messages.
    if (this.#stopped) setImmediate(() => this.#disconnectIfDone());
  }

  /** Handles a new session of the broker: normal at the first connection, later a sign that the old one is lost. */
  #newSession(): void {
    const lost = this.#pubacks.sessionLost(this.#connection.number).filter((ackHandle) => ackHandle.isOpen);
    for (const ackHandle of lost) {
      ackHandle.expire();
      this.#open.delete(ackHandle);
    }
    if (this.#hasSession) this.#options.telemetry.event('mqtt.session_lost', { expired: lost.length });
    this.#release();
  }

  #closed(): void {
    this.#subscriptions.disconnected();
    this.#paused.disconnected();
  }

  #receive(packet: ReceivedPublish, resume: () => void): void {
    this.#copies.received(packet);
    if (!this.isPaused && this.#pass(packet)) resume();
    else {
      this.#paused.hold(packet, resume);
      this.#options.telemetry.event('mqtt.paused');
    }
  }

  /** Releases paused messages as far as the limits allow. */
  #release(): void {
    this.#paused.release((packet) => this.#pass(packet));
  }

  /** Accepts a message if the limits allow it. After the stop, accepts only redeliveries of messages in progress. */
  #pass(packet: ReceivedPublish): boolean {
    if (packet.packetId > 0 && this.#pubacks.reattach(packet, this.#connection.number)) {
      this.#flushSoon();
      return true;
    }
    if (this.#stopped || (packet.packetId > 0 && this.#owesTooMuch)) return false;
    if (!this.#options.context.credit.tryTake(packet.byteLength)) return false;
    this.#emit(packet);
    return true;
  }

  /**
   * Returns whether the messages that owe a PUBACK reach the number that a crash may repeat. Settled messages have
   * returned their credit, but still owe a PUBACK while an older one is in progress. A connection that is not live yet
   * cannot reduce the number.
   */
  get #owesTooMuch(): boolean {
    return this.#pubacks.size >= this.#options.config.maxInFlight && this.#connection.isLive;
  }

  #emit(packet: ReceivedPublish): void {
    const attributes = attributesOf(packet, this.#options.config, this.#onLeftOut);
    const ackHandle = new MqttAckHandle(
      this.#options.context,
      packet,
      attributes,
      this.#connection.number,
      this.#settlements,
    );
    this.#open.add(ackHandle);
    if (packet.packetId > 0) this.#pubacks.received(ackHandle);
    if (this.#subscriptions.leavesOut(packet)) {
      this.#options.telemetry.event('mqtt.retained_left_out');
      ackHandle.drop();
      return;
    }
    if (this.#copies.isCopy(packet)) {
      this.#options.telemetry.event('mqtt.copy_dropped');
      ackHandle.drop();
      return;
    }
    if (packet.whole !== undefined) {
      ackHandle.deadLetter(tooLarge(packet.topic, packet.whole, packet.payload.byteLength));
      return;
    }
    this.#subscriber?.next(new Delivery(messageOf(ackHandle.original, Date.now()), ackHandle));
  }

  #completed(ackHandle: MqttAckHandle): void {
    this.#open.delete(ackHandle);
    if (ackHandle.packetId > 0) {
      this.#pubacks.completed(ackHandle, this.#connection.number);
      this.#flushSoon();
    }
    this.#disconnectIfDone();
  }

  #givenBack(ackHandle: MqttAckHandle): void {
    this.#open.delete(ackHandle);
    if (ackHandle.packetId > 0) this.#pubacks.forget(ackHandle);
    this.#release();
    this.#disconnectIfDone();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.#connection.isLive) return;
    const bytes = this.#pubacks.take();
    if (bytes !== undefined) this.#connection.writePubacks(bytes);
    this.#release();
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#disconnectIfDone();
  }

  #disconnectIfDone(): void {
    if (!this.#stopped || this.#open.size > 0 || this.#ended) return;
    this.#ended = true;
    this.#flush();
    const ended = this.#connection.end();
    this.#paused.discard();
    void ended.then(() => {
      this.#background.unsubscribe();
      this.#resent.unsubscribe();
      this.#markDisconnected();
    });
  }
}

/** QoS 0 messages kept across reconnects for lack of room: each connection can leave one behind. */
const MAX_KEPT = 16;

interface HeldPacket {
  readonly packet: ReceivedPublish;
  readonly resume: () => void;
}

/** Messages that the source has no room for yet, in order of receipt, each with the parser that waits for it. */
export class PausedPackets {
  readonly #packets: HeldPacket[] = [];

  get isEmpty(): boolean {
    return this.#packets.length === 0;
  }

  hold(packet: ReceivedPublish, resume: () => void): void {
    this.#packets.push({ packet, resume });
  }

  /** Releases messages until `pass` refuses one. */
  release(pass: (packet: ReceivedPublish) => boolean): void {
    for (let next = this.#packets.shift(); next !== undefined; next = this.#packets.shift()) {
      // Removed from the list first: it may settle synchronously and make room for the next one.
      if (!pass(next.packet)) {
        this.#packets.unshift(next);
        return;
      }
      next.resume();
    }
  }

  /**
   * Handles a lost connection. QoS 1 messages are redelivered; QoS 0 messages are not, so they are kept. The parser of
   * the old connection does not resume.
   */
  disconnected(): void {
    const kept = this.#packets.filter(({ packet }) => packet.packetId === 0).slice(-MAX_KEPT);
    this.#packets.splice(0, this.#packets.length, ...kept.map(({ packet }) => ({ packet, resume: () => {} })));
  }

  /** Leaves the messages to the broker, and lets the parser continue. */
  discard(): void {
    for (const { resume } of this.#packets.splice(0)) resume();
  }
}
