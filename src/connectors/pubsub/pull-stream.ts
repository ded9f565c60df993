import { type Client, type ClientDuplexStream, connectivityState } from '@grpc/grpc-js';
import type { SchedulerLike, Subscription } from 'rxjs';
import { errorCode, toError } from '../../core/errors.ts';
import { monotonicScheduler } from '../../util/clock.ts';
import { withHint } from '../google/errors.ts';
import { grpcClientOf, routedBy } from '../google/grpc-client.ts';
import type { SubscriberCalls } from './service-client.ts';
import { encodeStreamingPull, type StreamingPullRequest } from './wire/calls.ts';
import { decodePullResponse, type PullResponse } from './wire/pull-response.ts';

type PullCall = ClientDuplexStream<StreamingPullRequest, PullResponse>;

/** Requests keepalive responses: `protocol_version` of StreamingPullRequest in google/pubsub/v1/pubsub.proto. */
const PROTOCOL_VERSION = 1;
const METHOD = '/google.pubsub.v1.Subscriber/StreamingPull';
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;
/** An idle subscription sends nothing, so a stream counts as open after this time on a connected channel. */
const QUIET_OPEN_AFTER_MS = 300;
/** Time that the server has to end a stream after we ended our side. */
const CLOSE_PATIENCE_MS = 1_000;
/** A stream counts as proven after this time or with its first message; the retry delay then starts over. */
const PROVEN_AFTER_MS = 10_000;

export interface PullStreamOptions {
  readonly client: SubscriberCalls;
  readonly subscription: string;
  readonly clientId: string;
  readonly ackDeadlineMs: number;
  /** Interval of keepalives. The server answers each; a stream that has not answered by the next one is replaced. */
  readonly keepaliveMs: number;
  /** Flow control limits for the server: it stops sending at this much outstanding on the stream. */
  readonly maxOutstandingMessages: number;
  readonly maxOutstandingBytes: number;
  readonly onMessages: (response: PullResponse) => void;
  readonly onOpen: () => void;
  readonly onLost: (error: Error, attempt: number) => void;
  readonly scheduler?: SchedulerLike;
  readonly random?: () => number;
}

/**
 * A StreamingPull that stays open. It reconnects with backoff and jitter when it ends, as Pub/Sub ends every stream
 * from time to time, and when the server stops answering its periodic keepalives.
 *
 * Uses the gRPC client directly. The generated client adds its own retries to each stream and builds every message
 * twice.
 */
export class PullStream {
  readonly #options: PullStreamOptions;
  readonly #scheduler: SchedulerLike;
  #call: PullCall | undefined;
  #paused = false;
  #closing: Promise<void> | undefined;
  /** Consecutive losses without a proven stream between them. */
  #attempt = 0;
  #open = false;
  /** True if a response arrived since the last keepalive, or if the stream is paused and could not receive one. */
  #heard = true;
  #timers: Subscription | undefined;
  #retry: Subscription | undefined;

  constructor(options: PullStreamOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? monotonicScheduler;
  }

  /** True while the stream receives, or could. */
  get isOpen(): boolean {
    return this.#open;
  }

  open(): void {
    void this.#connect();
  }

  /** Stops reading from the socket until `resume`. */
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
   * Ends the stream for good, and resolves when no more messages can arrive. Messages in transit still arrive, so that
   * they can be returned. Otherwise their leases would block their ordering keys until they end.
   */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#open = false;
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
      const grpc = await grpcClientOf(client);
      if (this.#closing !== undefined) return;
      const opened: PullCall = grpc.makeBidiStreamRequest(
        METHOD,
        encodeStreamingPull,
        decodePullResponse,
        routedBy('subscription', subscription),
      );
      call = opened;
      opened.on('error', (error) => this.#lost(opened, error));
      opened.on('end', () => this.#lost(opened, new Error('the server ended the stream')));
      opened.on('metadata', () => this.#isOpen(opened));
      opened.on('data', (response: PullResponse) => {
        if (opened !== this.#call) return;
        this.#heard = true;
        this.#isOpen(opened);
        if (response.messages.length === 0) return;
        this.#attempt = 0;
        this.#options.onMessages(response);
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
      this.#timers.add(this.#openWhenConnected(opened, grpc));
    } catch (thrown) {
      this.#lost(call, toError(thrown));
    }
  }

  /** Writes keepalives, and drops the stream if one is unanswered when the next is due. */
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

  /** Watches the channel of a stream that has not sent anything yet. */
  #openWhenConnected(call: PullCall, grpc: Client): Subscription {
    const look = () => {
      if (grpc.getChannel().getConnectivityState(false) === connectivityState.READY) this.#isOpen(call);
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
    const message = withHint(this.#options.subscription, error);
    this.#options.onLost(code === undefined ? error : new Error(`${message} (code ${code})`), this.#attempt);
    this.#retry = this.#scheduler.schedule(() => void this.#connect(), delayMs);
  }
}

/** The StreamingPulls of one subscription, which open, pause and close together. */
export class PullStreams {
  readonly #streams: readonly PullStream[];
  #flowing = true;

  constructor(count: number, options: PullStreamOptions) {
    this.#streams = Array.from({ length: count }, () => new PullStream(options));
  }

  /** Streams that are open. */
  get openCount(): number {
    return this.#streams.filter(({ isOpen }) => isOpen).length;
  }

  open(): void {
    for (const stream of this.#streams) stream.open();
  }

  /** Resumes or pauses all streams. Called for each message: an unchanged state costs nothing. */
  flow(flowing: boolean): void {
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    for (const stream of this.#streams) {
      if (flowing) stream.resume();
      else stream.pause();
    }
  }

  /** Ends all streams for good, and resolves when no more messages can arrive. */
  async close(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => stream.close()));
  }
}
