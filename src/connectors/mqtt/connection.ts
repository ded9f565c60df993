import type { IConnackPacket, MqttClient, Packet } from 'mqtt';
import { type SchedulerLike, Subscription } from 'rxjs';
import { FatalError, toError } from '../../core/errors.ts';
import type { ConditionSetter } from '../../core/readiness.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import { renewFiles } from './client.ts';
import type { MqttSourceConfig } from './config.ts';
import { PUBACK_BYTES } from './puback-queue.ts';
import { asReceived, type ReceivedPublish, tapPublishes } from './wire/publish-reader.ts';

/** MQTT 5 reason code: another client connected with the same client id. */
const SESSION_TAKEN_OVER = 142;
/** A connection that lasts this long counts as working and resets the reconnect delay. */
const STABLE_AFTER_MS = 2_000;
/**
 * Logs a warning after this many short connections in a row; MQTT 3.1.1 and some brokers do not say why they close
 * them.
 */
const SUSPICIOUS_LOSSES = 3;

/** Time for the broker to close the connection after DISCONNECT, if it has no PUBACK to read. */
const END_GRACE_MS = 1_000;

/** Passed to MQTT.js instead of a result: it then sends no PUBACK, and its parser continues. */
const ACKNOWLEDGED_LATER = new Error('acknowledged later');

export interface MqttConnectionOptions {
  readonly client: MqttClient;
  readonly config: MqttSourceConfig;
  readonly telemetry: Telemetry;
  readonly readiness: ConditionSetter;
  readonly scheduler?: SchedulerLike;
}

/** Callbacks from a connection to its source. */
export interface MqttConnectionHandlers {
  /** Receives messages in order. Reading stops until `resume` is called; the source sends the PUBACK. */
  readonly onMessage: (packet: ReceivedPublish, resume: () => void) => void;
  /** Called when messages received so far can no longer be acknowledged, unless they are delivered again. */
  readonly onNewStream: () => void;
  readonly onConnected: (connack: IConnackPacket) => void;
  readonly onClosed: () => void;
  /** Called when the broker refuses this client permanently. */
  readonly onRefused: (error: FatalError) => void;
  /** True until the source calls `resume`. Pings are then sent manually, because responses are not read either. */
  readonly isPaused: () => boolean;
}

/**
 * Manages the life of an MQTT client: connecting, refusals, reconnecting with backoff, pings while reading is paused,
 * and a clean end.
 *
 * A connection begins with its stream, not with its CONNACK: some brokers send messages of a resumed session before it.
 */
export class MqttConnection {
  readonly #options: MqttConnectionOptions;
  readonly #handlers: MqttConnectionHandlers;
  readonly #scheduler: SchedulerLike;
  readonly #broker: string;
  #pings = Subscription.EMPTY;
  #reconnecting = Subscription.EMPTY;
  #stream: MqttClient['stream'] | undefined;
  #number = 0;
  #everConnected = false;
  /** The likely problem, until a connection has worked. */
  #hint = '';
  #connectedAt: number | undefined;
  /** Consecutive connections that were accepted but did not last. */
  #shortLived = 0;
  /** True once the broker has answered a SUBSCRIBE on this connection. */
  #subackReceived = false;
  #isShortened = false;
  /** PUBACKs written to this stream. */
  #pubacksWritten = 0;
  #reconnectMs: number;
  #ended = false;
  /** Resolves the promise of `end`. */
  #resolveEnd: () => void = () => {};

  constructor(options: MqttConnectionOptions, handlers: MqttConnectionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#scheduler = options.scheduler ?? monotonicScheduler;
    this.#broker = redacted(options.config.url);
    this.#reconnectMs = options.config.reconnectMinMs;
  }

  /** Increases with each stream, and with each gap between streams. */
  get number(): number {
    return this.#number;
  }

  /** True if a write now reaches the broker over the stream that delivers messages. */
  get isLive(): boolean {
    const { client } = this.#options;
    return client.connected && client.stream === this.#stream && !client.stream.destroyed;
  }

  /** The most PUBACKs that the broker may not have read, if it honors Receive Maximum. 0 once it is disconnected. */
  get unreadPubacks(): number {
    return this.isLive ? Math.min(this.#pubacksWritten, this.#options.config.maxInFlight) : 0;
  }

  writePubacks(bytes: Buffer): void {
    this.#pubacksWritten += bytes.length / PUBACK_BYTES;
    this.#options.client.stream.write(bytes);
  }

  /** @throws FatalError if MQTT.js rejects the settings. */
  connect(): void {
    const { client, readiness } = this.#options;
    readiness.set('mqtt', 'failing', 'connecting');
    const receive = (packet: ReceivedPublish, resume: () => void): void => {
      if (this.#ended) {
        resume();
        return;
      }
      this.#noticeStream();
      this.#handlers.onMessage(packet, resume);
    };
    tapPublishes(client, this.#options.config.maxPayloadBytes, receive);
    // Receives the packets that the tap leaves to MQTT.js.
    client.handleMessage = (packet, callback) =>
      receive(asReceived(packet), () => callback(packet.qos === 1 ? ACKNOWLEDGED_LATER : undefined));
    // 'connect' would fire after the first messages of a resumed session.
    client.on('packetreceive', (packet: Packet) => {
      if (packet.cmd === 'connack') this.#connected(packet);
      if (packet.cmd === 'suback') this.#subackReceived = true;
      if (packet.cmd === 'disconnect' && packet.reasonCode === SESSION_TAKEN_OVER) this.#takenOver();
    });
    client.on('close', () => this.#closed());
    client.on('error', (error) => this.#failed(error));
    try {
      client.connect();
    } catch (thrown) {
      throw new FatalError(`mqtt.url: ${this.#broker}: ${toError(thrown).message}`);
    }
  }

  /**
   * Sends DISCONNECT without UNSUBSCRIBE: the session keeps collecting messages until the service is back. Resolves when
   * the connection is closed. The broker closes it after it has read all PUBACKs; if we broke it before, the broker
   * could redeliver their messages. So only `destroy` ends the wait once PUBACKs were written.
   */
  end(): Promise<void> {
    this.#ended = true;
    const { client } = this.#options;
    this.#pings.unsubscribe();
    this.#reconnecting.unsubscribe();
    return new Promise((resolve) => {
      this.#resolveEnd = resolve;
      const grace =
        this.unreadPubacks > 0 ? Subscription.EMPTY : this.#scheduler.schedule(() => this.destroy(), END_GRACE_MS);
      client.end(!client.connected, () => {
        grace.unsubscribe();
        resolve();
      });
    });
  }

  /** Breaks the connection, which also ends the wait of `end`. */
  destroy(): void {
    const { stream, connected } = this.#options.client;
    // A stream is `closed` before it emits 'close', and the client counts as connected until then.
    if (stream === undefined || (stream.closed && !connected)) this.#resolveEnd();
    else stream.once('close', this.#resolveEnd);
    stream?.destroy();
  }

  #connected(packet: IConnackPacket): void {
    const code = packet.returnCode ?? packet.reasonCode ?? 0;
    if (code !== 0 || this.#ended) return;
    const { telemetry, readiness, config } = this.#options;
    this.#noticeStream();
    this.#everConnected = true;
    this.#hint = '';
    this.#connectedAt = this.#scheduler.now();
    this.#subackReceived = false;
    this.#judgeSession(packet.properties?.sessionExpiryInterval);
    telemetry.event('mqtt.connected', { broker: this.#broker, sessionPresent: packet.sessionPresent });
    readiness.set('mqtt', 'ok');
    this.#pings.unsubscribe();
    // The broker may have set a shorter keepalive than requested.
    this.#pings = this.#pingWhileHeld(packet.properties?.serverKeepAlive || config.keepAliveSeconds);
    this.#handlers.onConnected(packet);
  }

  #closed(): void {
    const { client, readiness } = this.#options;
    if (client.stream === this.#stream) this.#newStream();
    this.#handlers.onClosed();
    if (this.#ended) return;
    this.#judgeConnection();
    readiness.set('mqtt', 'failing', `not connected to ${this.#broker}${this.#hint}`);
    this.#reconnectLater();
  }

  /**
   * Schedules a reconnect. MQTT.js' own `reconnectPeriod` is read before it reports a lost connection, so each wait
   * would be the previous one's.
   */
  #reconnectLater(): void {
    const { telemetry, config } = this.#options;
    const retryInMs = Math.round(this.#reconnectMs * (0.5 + Math.random() / 2));
    this.#reconnectMs = Math.min(config.reconnectMaxMs, this.#reconnectMs * 2);
    telemetry.event('mqtt.disconnected', { retryInMs });
    this.#reconnecting.unsubscribe();
    this.#reconnecting = this.#scheduler.schedule(() => this.#reconnect(), retryInMs);
  }

  #reconnect(): void {
    const { client, config } = this.#options;
    try {
      renewFiles(client, config);
      client.connect();
    } catch (thrown) {
      // No stream was opened, so no 'close' follows.
      this.#failed(toError(thrown));
      this.#reconnectLater();
    }
  }

  /** After a connection ends, decides whether it worked or was one of several closed immediately. */
  #judgeConnection(): void {
    const connectedAt = this.#connectedAt;
    if (connectedAt === undefined) return;
    this.#connectedAt = undefined;
    if (this.#scheduler.now() - connectedAt >= STABLE_AFTER_MS) {
      this.#shortLived = 0;
      this.#reconnectMs = this.#options.config.reconnectMinMs;
      return;
    }
    this.#shortLived += 1;
    if (this.#shortLived < SUSPICIOUS_LOSSES) return;
    const { telemetry, config } = this.#options;
    telemetry.event('mqtt.connections_cut', { clientId: config.clientId, subackReceived: this.#subackReceived });
  }

  /** Reports if the broker keeps the session for less time than requested, according to the CONNACK of MQTT 5. */
  #judgeSession(grantedSeconds: number | undefined): void {
    const { telemetry, readiness, config } = this.#options;
    const askedSeconds = config.sessionExpirySeconds;
    const isShortened = grantedSeconds !== undefined && grantedSeconds < askedSeconds;
    if (isShortened) {
      telemetry.event('mqtt.session_shortened', { askedSeconds, grantedSeconds });
      const detail = `the broker keeps the session for ${grantedSeconds} s, but mqtt.sessionExpirySeconds requests ${askedSeconds}`;
      readiness.set('mqtt.session', 'degraded', detail);
    } else if (this.#isShortened) readiness.set('mqtt.session', 'ok');
    this.#isShortened = isShortened;
  }

  #takenOver(): void {
    this.#options.telemetry.event('mqtt.session_taken_over', { clientId: this.#options.config.clientId });
  }

  #failed(error: Error): void {
    const { client, config, telemetry, readiness } = this.#options;
    const code = 'code' in error ? error.code : undefined;
    const refusal = this.#everConnected ? undefined : refusalOf(error, config);
    if (refusal !== undefined) {
      this.#handlers.onRefused(new FatalError(refusal));
      return;
    }
    if (!this.#everConnected) this.#noticePlainPort(error);
    telemetry.event('mqtt.error', { error: error.message, code });
    if (!client.connected) readiness.set('mqtt', 'failing', `${this.#broker}: ${error.message}`);
  }

  /** Called only before the first connection: later, an ordinary outage of the broker looks the same. */
  #noticePlainPort(error: Error): void {
    const hint = plainPortOf(error, this.#options.config);
    if (hint === undefined) return;
    if (this.#hint === '') this.#options.telemetry.event('mqtt.no_tls', { broker: this.#broker, hint });
    this.#hint = `: ${hint}`;
  }

  #noticeStream(): void {
    const { stream } = this.#options.client;
    if (stream === this.#stream) return;
    this.#stream = stream;
    this.#pubacksWritten = 0;
    this.#newStream();
  }

  #newStream(): void {
    this.#number += 1;
    this.#handlers.onNewStream();
  }

  #pingWhileHeld(keepAliveSeconds: number): Subscription {
    const { client } = this.#options;
    const everyMs = (keepAliveSeconds * 1_000) / 3;
    const ping = () => {
      if (!this.#handlers.isPaused() || !client.connected) return;
      client.sendPing();
      client.reschedulePing(true);
    };
    return this.#scheduler.schedule(function tick() {
      ping();
      this.schedule(undefined, everyMs);
    }, everyMs);
  }
}

/** Errors of a TLS client on a port without TLS, from OpenSSL and Node. */
const NO_TLS = /wrong version number|packet length too long|before secure TLS connection|ECONNRESET|socket hang up/;

/** The connection that was refused. */
export interface RefusedConnection {
  readonly url: string;
  readonly protocolVersion: 4 | 5;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
}

/** CONNACK codes that a retry cannot fix, in MQTT 3.1.1 and 5, and the setting that can. */
const VERSION = 'mqtt.protocolVersion';
const CLIENT_ID = 'mqtt.clientId';
const CREDENTIALS = 'mqtt.username, mqtt.password';
const REFUSALS: ReadonlyMap<unknown, string> = new Map([
  [1, VERSION],
  [132, VERSION],
  [2, CLIENT_ID],
  [133, CLIENT_ID],
  [4, CREDENTIALS],
  [134, CREDENTIALS],
  [5, CREDENTIALS],
  [135, CREDENTIALS],
  [138, CLIENT_ID],
]);

/** Returns why a broker refuses this client permanently, and which setting fixes it; undefined for other errors. */
export function refusalOf(error: Error, config: RefusedConnection): string | undefined {
  const setting = REFUSALS.get('code' in error ? error.code : undefined);
  if (setting === undefined) return undefined;
  const named =
    setting === CREDENTIALS && config.passwordFile !== undefined ? 'mqtt.username, mqtt.passwordFile' : setting;
  const refused = `${named}: ${redacted(config.url)} refused: ${error.message}`;
  if (setting !== VERSION) return refused;
  const [set, other] =
    config.protocolVersion === 5 ? ['5 (MQTT 5)', '4 (MQTT 3.1.1)'] : ['4 (MQTT 3.1.1)', '5 (MQTT 5)'];
  return `${refused}; mqtt.protocolVersion is ${set}, the broker may require ${other}`;
}

/** Returns a hint if TLS failed in the way it does on a port without TLS; undefined for other errors. */
export function plainPortOf(error: Error, { url }: RefusedConnection): string | undefined {
  const { protocol } = new URL(url);
  if (!['mqtts:', 'ssl:', 'tls:', 'wss:'].includes(protocol) || !NO_TLS.test(error.message)) return undefined;
  const plain = protocol === 'wss:' ? 'ws://' : 'mqtt://';
  return `the TLS handshake failed as on a port without TLS: mqtt.url begins with ${protocol}//, but a plain port needs ${plain}`;
}

/** Returns the address without user information. */
export function redacted(url: string): string {
  const parsed = new URL(url);
  return `${parsed.protocol}//${parsed.host}`;
}
