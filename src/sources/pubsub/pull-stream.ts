import type { v1 } from '@google-cloud/pubsub';
import { asyncScheduler, type SchedulerLike, type Subscription } from 'rxjs';
import { errorCode, toError } from '../../core/errors.ts';

/** Asks the server to answer keepalives: streaming_pull's `protocol_version` in google/pubsub/v1/pubsub.proto. */
const PROTOCOL_VERSION = 1;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;
/**
 * An idle subscription sends nothing: a stream that lives this long over a channel that is connected counts as open.
 */
const QUIET_OPEN_AFTER_MS = 300;
/** How long the server may take to end a stream that we have ended. */
const CLOSE_PATIENCE_MS = 1_000;
/** After this long, or with the first message, a stream counts as proven, and the next retry is a first one again. */
const PROVEN_AFTER_MS = 10_000;

const NO_PROPERTIES: SubscriptionProperties = { exactlyOnceDeliveryEnabled: false, messageOrderingEnabled: false };

/** A message as it was published. */
export interface PubSubMessage {
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageId: string;
  readonly publishTime: { readonly seconds: string | number; readonly nanos: number } | null;
  readonly orderingKey: string;
}

/** A message as StreamingPull delivers it. */
export interface ReceivedMessage {
  readonly ackId: string;
  readonly message: PubSubMessage | null;
}

/** What the server tells about a subscription, with every response. */
export interface SubscriptionProperties {
  readonly exactlyOnceDeliveryEnabled: boolean;
  readonly messageOrderingEnabled: boolean;
}

interface PullResponse {
  readonly receivedMessages: readonly ReceivedMessage[];
  readonly subscriptionProperties: SubscriptionProperties | null;
}

interface PullCall {
  write(request: object): boolean;
  on(event: 'data', listener: (response: PullResponse) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'metadata' | 'end', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  cancel(): void;
  end(): unknown;
}

export interface PullStreamOptions {
  readonly client: v1.SubscriberClient;
  readonly subscription: string;
  readonly clientId: string;
  readonly ackDeadlineMs: number;
  /** Between two keepalives. The server answers each; a stream that has not by the next one is built anew. */
  readonly keepaliveMs: number;
  /** Sent to the server, which stops sending when so much is outstanding on this stream. */
  readonly maxOutstandingMessages: number;
  readonly maxOutstandingBytes: number;
  readonly onMessages: (messages: readonly ReceivedMessage[], properties: SubscriptionProperties) => void;
  readonly onOpen: () => void;
  readonly onLost: (error: Error, attempt: number) => void;
  readonly scheduler?: SchedulerLike;
  readonly random?: () => number;
}

/**
 * One StreamingPull that stays: it reconnects with backoff and jitter when it ends, as Pub/Sub makes every stream do
 * now and then, and when it falls silent: a keepalive is written regularly, and has to be answered.
 *
 * The generated client's stub is used instead of its method, since the method wraps each stream in retries of its own.
 */
export class PullStream {
  readonly #options: PullStreamOptions;
  readonly #scheduler: SchedulerLike;
  #call: PullCall | undefined;
  #paused = false;
  #closing: Promise<void> | undefined;
  /** Losses in a row, without a proven stream between them. */
  #attempt = 0;
  #open = false;
  /** A response came since the last keepalive, or none could: the stream is paused. */
  #heard = true;
  #timers: Subscription | undefined;
  #retry: Subscription | undefined;

  constructor(options: PullStreamOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? asyncScheduler;
  }

  open(): void {
    void this.#connect();
  }

  /** Takes no more from the socket, until `resume`. */
  pause(): void {
    if (this.#paused || this.#closing !== undefined) return;
    this.#paused = true;
    this.#call?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#heard = true;
    this.#call?.resume();
  }

  /**
   * Ends the stream for good, and resolves when nothing more can arrive. What was on its way still arrives, so that it
   * can be given back: else it would stay leased to nobody, and hold up its ordering key until the lease ends.
   */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#retry?.unsubscribe();
      this.#timers?.unsubscribe();
      const call = this.#call;
      if (call === undefined) return resolve();
      const done = (): void => {
        patience.unsubscribe();
        this.#call = undefined;
        call.cancel();
        resolve();
      };
      const patience = this.#scheduler.schedule(done, CLOSE_PATIENCE_MS);
      call.on('end', done);
      call.on('error', done);
      call.resume();
      call.end();
    });
    return this.#closing;
  }

  async #connect(): Promise<void> {
    const { client, subscription, clientId, ackDeadlineMs, maxOutstandingMessages, maxOutstandingBytes } =
      this.#options;
    let call: PullCall | undefined;
    try {
      const stub = await client.initialize();
      const streamingPull = stub.streamingPull;
      if (streamingPull === undefined) throw new Error('the client has no streamingPull');
      if (this.#closing !== undefined) return;
      const opened: PullCall = streamingPull.call(stub);
      call = opened;
      opened.on('error', (error) => this.#lost(opened, error));
      opened.on('end', () => this.#lost(opened, new Error('the server ended the stream')));
      opened.on('metadata', () => this.#isOpen(opened));
      opened.on('data', (response) => {
        if (opened !== this.#call) return;
        this.#heard = true;
        this.#isOpen(opened);
        if (response.receivedMessages.length === 0) return;
        this.#attempt = 0;
        this.#options.onMessages(response.receivedMessages, response.subscriptionProperties ?? NO_PROPERTIES);
      });
      this.#call = opened;
      if (this.#paused) opened.pause();
      opened.write({
        subscription,
        clientId,
        streamAckDeadlineSeconds: Math.round(ackDeadlineMs / 1000),
        maxOutstandingMessages,
        maxOutstandingBytes,
        protocolVersion: PROTOCOL_VERSION,
      });
      this.#timers = this.#scheduler.schedule(() => {
        this.#attempt = 0;
      }, PROVEN_AFTER_MS);
      this.#timers.add(this.#keepalive(opened));
      this.#timers.add(this.#openWhenConnected(opened, stub));
    } catch (thrown) {
      this.#lost(call, toError(thrown));
    }
  }

  /** Writes keepalives, and gives the stream up when one has not been answered by the next. */
  #keepalive(call: PullCall): Subscription {
    const { keepaliveMs } = this.#options;
    const beat = (): boolean => {
      if (!this.#heard && !this.#paused) {
        this.#lost(call, new Error(`the stream has been silent for ${keepaliveMs} ms`));
        call.cancel();
        return false;
      }
      this.#heard = this.#paused;
      call.write({});
      return true;
    };
    this.#heard = true;
    return this.#scheduler.schedule(function tick() {
      if (beat()) this.schedule(undefined, keepaliveMs);
    }, keepaliveMs);
  }

  /** Watches the channel under a stream that has sent nothing yet. */
  #openWhenConnected(call: PullCall, stub: object): Subscription {
    const look = () => {
      if (channelIsReady(stub)) this.#isOpen(call);
      return this.#open;
    };
    return this.#scheduler.schedule(function tick() {
      if (!look()) this.schedule(undefined, QUIET_OPEN_AFTER_MS);
    }, QUIET_OPEN_AFTER_MS);
  }

  #isOpen(call: PullCall): void {
    if (call !== this.#call || this.#open) return;
    this.#open = true;
    this.#options.onOpen();
  }

  #lost(call: PullCall | undefined, error: Error): void {
    if (this.#closing !== undefined || call !== this.#call) return;
    this.#call = undefined;
    this.#timers?.unsubscribe();
    this.#open = false;
    this.#attempt += 1;
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#attempt - 1));
    const delayMs = ceiling / 2 + ((this.#options.random ?? Math.random)() * ceiling) / 2;
    const code = errorCode(error);
    this.#options.onLost(code === undefined ? error : new Error(`${error.message} (code ${code})`), this.#attempt);
    this.#retry = this.#scheduler.schedule(() => void this.#connect(), delayMs);
  }
}

/** grpc-js: `getConnectivityState` of READY, see https://grpc.github.io/grpc/core/md_doc_connectivity-semantics-and-api.html */
const READY = 2;

function channelIsReady(stub: object): boolean {
  if (!('getChannel' in stub) || typeof stub.getChannel !== 'function') return true;
  const channel: { getConnectivityState?: (tryToConnect: boolean) => number } = stub.getChannel();
  return channel.getConnectivityState?.(false) === READY;
}
