import type { Socket } from 'node:net';
import {
  Channel,
  ChannelCredentials,
  type ChannelOptions,
  Client,
  type experimental,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { endWithCall } from './bounded-call.ts';
import { errorDetails } from './error-details.ts';

/** As in Pub/Sub's high-level client. Google's front ends refuse clients that ping an idle channel more often. */
const KEEPALIVE_MS = 300_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** gRPC would wait up to two minutes after a long outage, in addition to our own backoff. */
const MAX_RECONNECT_BACKOFF_MS = 5_000;
/** The server speaks first: a TLS handshake or HTTP/2's SETTINGS. */
const FIRST_BYTE_WITHIN_MS = 10_000;

type CreateSecureConnector = ChannelCredentials['_createSecureConnector'];

/** Returns options for the gRPC clients that detect a silently dead peer before TCP gives up. */
export function channelOptions(firstByteWithinMs = FIRST_BYTE_WITHIN_MS) {
  return {
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_BACKOFF_MS,
    'grpc.channelFactoryOverride': (address: string, credentials: ChannelCredentials, options: ChannelOptions) =>
      new BoundedChannel(address, new AnsweredCredentials(credentials, firstByteWithinMs), options),
  } as const;
}

/** A channel whose calls end together with the bounded call that made them. */
class BoundedChannel extends Channel {
  override createCall(...args: Parameters<Channel['createCall']>): ReturnType<Channel['createCall']> {
    const call = super.createCall(...args);
    endWithCall(() => call.cancelWithStatus(status.CANCELLED, 'given up'));
    return call;
  }
}

/**
 * Closes a connection that is accepted but never answered. gRPC for Node has no timeout for this: keepalives start only
 * after HTTP/2's SETTINGS, so the channel would wait forever.
 */
class AnsweredCredentials extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #withinMs: number;

  constructor(inner: ChannelCredentials, withinMs: number) {
    super();
    this.#inner = inner;
    this.#withinMs = withinMs;
  }

  _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  _equals(other: ChannelCredentials): boolean {
    return other instanceof AnsweredCredentials && this.#inner._equals(other.#inner);
  }

  _createSecureConnector(...args: Parameters<CreateSecureConnector>): experimental.SecureConnector {
    const inner = this.#inner._createSecureConnector(...args);
    return {
      connect: (socket) => {
        endUnlessAnswered(socket, this.#withinMs);
        return inner.connect(socket);
      },
      waitForReady: () => inner.waitForReady(),
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }
}

function endUnlessAnswered(socket: Socket, withinMs: number): void {
  // A proxy has answered already.
  const before = socket.bytesRead;
  const timer = setTimeout(() => {
    if (socket.bytesRead > before) return;
    socket.destroy(new Error(`connected, but got no answer within ${withinMs} ms`));
  }, withinMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

/** A client that holds a gRPC client: a generated one, or that of a service. */
export interface GrpcHolder {
  initialize(): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Returns the gRPC client inside another client, with its channel and credentials. The few calls that every message
 * passes through use it with their own codecs, because the generated client copies each message twice.
 */
export async function grpcClientOf(holder: Pick<GrpcHolder, 'initialize'>): Promise<Client> {
  const stub = await holder.initialize();
  if (!(stub instanceof Client)) throw new Error('the generated client is built on another copy of @grpc/grpc-js');
  return stub;
}

/** Returns the header that Google's front ends route a call by, https://google.aip.dev/client-libraries/4222 */
export function routedBy(field: 'topic' | 'subscription', name: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-goog-request-params', `${field}=${encodeURIComponent(name)}`);
  return metadata;
}

export interface CallBounds {
  readonly metadata: Metadata;
  readonly timeoutMs: number;
}

/**
 * Makes a call with an encoded request. Ignores the content of the response, whose arrival is the confirmation. Rejects
 * as the generated client does, with DEADLINE_EXCEEDED after `timeoutMs`.
 */
export async function callUnary(client: Client, method: string, request: Buffer, bounds: CallBounds): Promise<void> {
  await callFor(client, method, request, () => true, bounds);
}

/** Makes a call with an encoded request, as `callUnary` does, and resolves with the decoded response. */
export function callFor<T>(
  client: Client,
  method: string,
  request: Buffer,
  decode: (response: Buffer) => T,
  { metadata, timeoutMs }: CallBounds,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response?: T): void => {
      if (error !== null) reject(detailed(error));
      else if (response === undefined) reject(new Error(`${method}: no response`));
      else resolve(response);
    };
    const deadline = Date.now() + timeoutMs;
    client.makeUnaryRequest(method, identity, decode, request, metadata, { deadline }, done);
  });
}

function identity(request: Buffer): Buffer {
  return request;
}

/** Adds the error details beyond code and message, for example which ack ids of a call failed. */
function detailed(error: ServiceError): ServiceError {
  const [status] = error.metadata?.get('grpc-status-details-bin') ?? [];
  return status instanceof Uint8Array ? Object.assign(error, errorDetails(status)) : error;
}
