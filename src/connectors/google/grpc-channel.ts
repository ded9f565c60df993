import type { Socket } from 'node:net';
import { Channel, ChannelCredentials, type ChannelOptions, type experimental, status } from '@grpc/grpc-js';
import { endWithCall } from './bounded-call.ts';

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
    socket.destroy(new Error(`connected, and no answer within ${withinMs} ms`));
  }, withinMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
