import type { Client } from '@grpc/grpc-js';
import { type GrpcHolder, grpcClientOf } from '../google/grpc-client.ts';

/** Concurrent calls that Google's front ends process on one connection; further calls queue. */
const CALLS_PER_CONNECTION = 100;
/** Ten connections carry a thousand calls, the maximum concurrency of a sink. */
const MOST_CONNECTIONS = 10;

interface Connection {
  readonly client: GrpcHolder;
  calls: number;
}

/** Spreads calls over connections. Opens another connection when all are busy, and keeps it until close. */
export class PublishConnections {
  readonly #connections: Connection[];
  readonly #create: () => GrpcHolder;

  /** @param create creates a client with its own connection. */
  constructor(first: GrpcHolder, create: () => GrpcHolder) {
    this.#connections = [{ client: first, calls: 0 }];
    this.#create = create;
  }

  get count(): number {
    return this.#connections.length;
  }

  async call<T>(make: (client: Client) => Promise<T>): Promise<T> {
    const connection = this.#free();
    connection.calls += 1;
    try {
      return await make(await grpcClientOf(connection.client));
    } finally {
      connection.calls -= 1;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map(({ client }) => client.close()));
  }

  #free(): Connection {
    const free = this.#connections.find(({ calls }) => calls < CALLS_PER_CONNECTION);
    if (free !== undefined) return free;
    if (this.#connections.length < MOST_CONNECTIONS) {
      const added = { client: this.#create(), calls: 0 };
      this.#connections.push(added);
      return added;
    }
    return this.#connections.reduce((least, each) => (each.calls < least.calls ? each : least));
  }
}

/** Option of a channel with its own connection: by default, channels to the same address share one. */
export const OWN_CONNECTION = { 'grpc.use_local_subchannel_pool': 1 } as const;

/**
 * Adds connections for publish requests to a pair of clients, and closes all of them together.
 *
 * @param create creates a client for topics with its own connection.
 */
export function withPublishConnections<P extends GrpcHolder, S extends GrpcHolder>(
  { publisher, subscriber }: { readonly publisher: P; readonly subscriber: S },
  create: () => GrpcHolder,
) {
  const publishConnections = new PublishConnections(publisher, create);
  return {
    publisher,
    publishConnections,
    subscriber,
    async close(): Promise<void> {
      await Promise.all([publishConnections.close(), subscriber.close()]);
    },
  };
}
