import type { IConnackPacket, IPublishPacket, MqttClient, Packet } from 'mqtt';
import { asyncScheduler, Observable, type SchedulerLike, type Subscriber, Subscription, take } from 'rxjs';
import { v7 as uuidv7 } from 'uuid';
import { Delivery, type Desk } from '../../core/delivery.ts';
import { FatalError, toError } from '../../core/errors.ts';
import type { Readiness } from '../../core/readiness.ts';
import { rfc3339OfMillis } from '../../core/rfc3339.ts';
import type { Source } from '../../core/source.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { MqttSourceConfig } from './config.ts';
import { MqttTicket } from './mqtt-ticket.ts';
import { PubackQueue } from './puback-queue.ts';
import { type MqttSubscription, Subscriptions } from './subscriptions.ts';

/** CONNACK codes that no retry mends, in MQTT 3.1.1 and 5, and the setting that can. */
const REFUSALS: ReadonlyMap<unknown, string> = new Map([
  [1, 'mqtt.protocolVersion'],
  [132, 'mqtt.protocolVersion'],
  [2, 'mqtt.clientId'],
  [133, 'mqtt.clientId'],
  [4, 'mqtt.username, mqtt.password'],
  [134, 'mqtt.username, mqtt.password'],
  [5, 'mqtt.username, mqtt.password'],
  [135, 'mqtt.username, mqtt.password'],
  [138, 'mqtt.clientId'],
]);

/** How long the broker may take to close the connection after DISCONNECT. */
const END_GRACE_MS = 1_000;

/** Handed to MQTT.js instead of a result: it then sends no PUBACK, and its parser goes on. */
const ACKNOWLEDGED_LATER = new Error('acknowledged later');

export interface MqttSourceOptions {
  /** A client that has not connected yet: see `createMqttClient`. */
  readonly client: MqttClient;
  readonly config: MqttSourceConfig;
  /** What to subscribe to: the present list, then every changed one. */
  readonly subscriptions: Observable<readonly MqttSubscription[]>;
  readonly desk: Desk;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly scheduler?: SchedulerLike;
}

interface HeldPacket {
  readonly packet: IPublishPacket;
  readonly goOn: () => void;
}

/**
 * Deliveries of MQTT topics, in order of receipt. QoS 1: at least once, the PUBACK follows the settlement. QoS 0: at
 * most once, by nature.
 *
 * A message id is a UUIDv7 made at receipt; a redelivered message gets a new one, unless its work is still running.
 * At the limit of credit the connection is held: the parser stops, TCP pushes back, and pings keep the session alive.
 */
export class MqttSource implements Source {
  readonly disconnected: Promise<void>;
  readonly #options: MqttSourceOptions;
  readonly #scheduler: SchedulerLike;
  readonly #pubacks: PubackQueue;
  readonly #subscriptions: Subscriptions;
  readonly #open = new Set<MqttTicket>();
  readonly #background = new Subscription();
  #pings = Subscription.EMPTY;
  readonly #held: HeldPacket[] = [];
  /** The stream of the connection that is now, and its number. */
  #stream: MqttClient['stream'] | undefined;
  #connection = 0;
  #everConnected = false;
  #reconnectMs: number;
  #subscriber: Subscriber<Delivery> | undefined;
  #flushing = false;
  #stopped = false;
  #ended = false;
  #markDisconnected: () => void = () => {};

  constructor(options: MqttSourceOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? asyncScheduler;
    this.#pubacks = new PubackQueue(options.config.ackOrder === 'strict');
    this.#subscriptions = new Subscriptions(options.client, options.telemetry, options.readiness);
    this.#reconnectMs = options.config.reconnectMinMs;
    this.disconnected = new Promise((resolve) => {
      this.#markDisconnected = resolve;
    });
  }

  /** Settled messages that owe a PUBACK still: without one they come again. */
  get unconfirmed(): number {
    return this.#pubacks.size;
  }

  /** Settled messages whose PUBACK waits for an older one. */
  get waitingPubacks(): number {
    return this.#pubacks.waiting;
  }

  /** True while the connection is held for want of credit. */
  get isHeld(): boolean {
    return this.#held.length > 0;
  }

  deliveries(stop: Observable<unknown>): Observable<Delivery> {
    return new Observable((subscriber) => {
      if (this.#subscriber !== undefined) throw new Error('a source is subscribed once');
      this.#subscriber = subscriber;
      const { client, desk, readiness, subscriptions } = this.#options;
      readiness.set('mqtt', 'failing', 'connecting');
      this.#background.add(desk.credit.released.subscribe(() => this.#release()));
      this.#background.add(subscriptions.subscribe((wanted) => void this.#subscriptions.want(wanted)));
      this.#wire(client);
      try {
        client.connect();
      } catch (thrown) {
        subscriber.error(new FatalError(`mqtt.url: ${redacted(this.#options.config.url)}: ${toError(thrown).message}`));
      }
      const stopping = stop.pipe(take(1)).subscribe(() => {
        this.#stop();
        subscriber.complete();
      });
      return () => {
        stopping.unsubscribe();
        if (!this.#stopped) this.abort();
      };
    });
  }

  abort(): void {
    this.#stop();
    for (const ticket of [...this.#open]) ticket.abandon();
    this.#disconnectIfDone();
    if (this.#ended) this.#options.client.stream?.destroy();
  }

  #wire(client: MqttClient): void {
    const { telemetry, readiness, config } = this.#options;
    client.handleMessage = (packet, callback) => {
      const goOn = () => callback(packet.qos === 1 ? ACKNOWLEDGED_LATER : undefined);
      if (this.#ended) return goOn();
      this.#noticeStream();
      this.#held.push({ packet, goOn });
      this.#release();
      if (this.isHeld) telemetry.event('mqtt.held');
    };
    // Not 'connect': that comes later than the first messages of a resumed session.
    client.on('packetreceive', (packet: Packet) => {
      if (packet.cmd === 'connack') this.#connected(packet);
    });
    client.on('close', () => {
      if (client.stream === this.#stream) this.#newConnection();
      this.#subscriptions.disconnected();
      // QoS 1 comes again; QoS 0 would not. The parser of the old connection is not asked to go on.
      const lastChance = this.#held.filter(({ packet }) => packet.qos === 0);
      this.#held.splice(0, this.#held.length, ...lastChance.map(({ packet }) => ({ packet, goOn: () => {} })));
      if (this.#ended) return;
      telemetry.event('mqtt.disconnected', { retryInMs: Math.round(client.options.reconnectPeriod ?? 0) });
      readiness.set('mqtt', 'failing', `not connected to ${redacted(config.url)}`);
      this.#reconnectMs = Math.min(config.reconnectMaxMs, this.#reconnectMs * 2);
      client.options.reconnectPeriod = this.#reconnectMs * (0.5 + Math.random() / 2);
    });
    client.on('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      const setting = REFUSALS.get(code);
      if (!this.#everConnected && setting !== undefined) {
        this.#subscriber?.error(new FatalError(`${setting}: ${redacted(config.url)} refused: ${error.message}`));
        return;
      }
      telemetry.event('mqtt.error', { error: error.message, code });
      if (!client.connected) readiness.set('mqtt', 'failing', `${redacted(config.url)}: ${error.message}`);
    });
  }

  #connected(packet: IConnackPacket): void {
    const code = packet.returnCode ?? packet.reasonCode ?? 0;
    if (code !== 0 || this.#ended) return;
    const { client, telemetry, readiness, config } = this.#options;
    this.#noticeStream();
    this.#everConnected = true;
    this.#reconnectMs = config.reconnectMinMs;
    client.options.reconnectPeriod = this.#reconnectMs;
    if (!packet.sessionPresent) this.#sessionLost();
    telemetry.event('mqtt.connected', { broker: redacted(config.url), sessionPresent: packet.sessionPresent });
    readiness.set('mqtt', 'ok');
    this.#subscriptions.connected(packet.sessionPresent);
    this.#pings.unsubscribe();
    this.#pings = this.#pingWhileHeld(packet.properties?.serverKeepAlive || config.keepAliveSeconds);
    // A lost session may have left nothing to wait for. The new one is subscribed first, so that it collects messages.
    if (this.#stopped) setImmediate(() => this.#disconnectIfDone());
  }

  /**
   * A connection begins with its stream, not with its CONNACK: some brokers send messages of a resumed session before
   * that.
   */
  #noticeStream(): void {
    const { stream } = this.#options.client;
    if (stream === this.#stream) return;
    this.#stream = stream;
    this.#newConnection();
  }

  /** Nothing that was received before may be acknowledged over the connection that is now. */
  #newConnection(): void {
    this.#connection += 1;
    this.#pubacks.disconnected();
  }

  #sessionLost(): void {
    const lost = this.#pubacks.sessionLost(this.#connection).filter((ticket) => ticket.isOpen);
    for (const ticket of lost) {
      ticket.lapse();
      this.#open.delete(ticket);
    }
    if (lost.length > 0) this.#options.telemetry.event('mqtt.session_lost', { lapsed: lost.length });
  }

  /** Lets held messages go, as far as credit reaches; after the stop, only those whose work is running already. */
  #release(): void {
    for (;;) {
      const next = this.#held[0];
      if (next === undefined) return;
      const { packet, goOn } = next;
      const { topic, dup } = packet;
      const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
      const packetId = packet.qos === 1 ? (packet.messageId ?? 0) : 0;
      const running = packetId > 0 && this.#pubacks.reattach({ packetId, topic, payload, dup }, this.#connection);
      if (!running && (this.#stopped || !this.#options.desk.credit.tryTake(payload.byteLength))) return;
      this.#held.shift();
      if (running) this.#flushSoon();
      else this.#emit(topic, payload, packetId);
      goOn();
    }
  }

  #emit(topic: string, payload: Buffer, packetId: number): void {
    const ticket = new MqttTicket(this.#options.desk, { topic, payload, packetId }, this.#connection, {
      completed: (settled) => this.#completed(settled),
      givenBack: (settled) => this.#givenBack(settled),
    });
    this.#open.add(ticket);
    if (packetId > 0) this.#pubacks.received(ticket);
    const message = {
      id: uuidv7(),
      payload,
      publishTime: rfc3339OfMillis(this.#scheduler.now()),
      attributes: { mqtt_topic: topic },
      enrichmentData: {},
    };
    this.#subscriber?.next(new Delivery(message, ticket));
  }

  #completed(ticket: MqttTicket): void {
    this.#open.delete(ticket);
    if (ticket.packetId > 0) {
      this.#pubacks.completed(ticket, this.#connection);
      this.#flushSoon();
    }
    this.#disconnectIfDone();
  }

  #givenBack(ticket: MqttTicket): void {
    this.#open.delete(ticket);
    if (ticket.packetId > 0) this.#pubacks.forget(ticket);
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
    const { client } = this.#options;
    if (!client.connected || client.stream !== this.#stream || client.stream.destroyed) return;
    const bytes = this.#pubacks.take();
    if (bytes !== undefined) client.stream.write(bytes);
  }

  /** @param keepAliveSeconds of this connection: the broker may have set a shorter one than was asked for. */
  #pingWhileHeld(keepAliveSeconds: number): Subscription {
    const { client } = this.#options;
    const everyMs = (keepAliveSeconds * 1_000) / 3;
    const ping = () => {
      if (!this.isHeld || !client.connected) return;
      client.sendPing();
      client.reschedulePing(true);
    };
    return this.#scheduler.schedule(function tick() {
      ping();
      this.schedule(undefined, everyMs);
    }, everyMs);
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#disconnectIfDone();
  }

  /** No UNSUBSCRIBE: the session stays, and with it whatever arrives until the service is back. */
  #disconnectIfDone(): void {
    if (!this.#stopped || this.#open.size > 0 || this.#ended) return;
    this.#ended = true;
    const { client } = this.#options;
    this.#flush();
    for (const { goOn } of this.#held.splice(0)) goOn();
    // A client that was built with `manualConnect` would connect again when its stream closes after `end`.
    client.options.reconnectPeriod = 0;
    const done = (): void => {
      this.#background.unsubscribe();
      this.#pings.unsubscribe();
      this.#markDisconnected();
    };
    const grace = this.#scheduler.schedule(() => {
      client.stream?.destroy();
      done();
    }, END_GRACE_MS);
    client.end(!client.connected, () => {
      grace.unsubscribe();
      done();
    });
  }
}

/** The address without its user information. */
function redacted(url: string): string {
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}
