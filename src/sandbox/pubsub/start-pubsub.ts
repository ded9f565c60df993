import { serveGrpc } from '../grpc-server.ts';
import type { SandboxServer } from '../server.ts';
import { service } from './protos.ts';
import { Services } from './services.ts';

/**
 * Starts an in-memory Pub/Sub for the official client, which finds it by `PUBSUB_EMULATOR_HOST=127.0.0.1:<port>`; port
 * 0, the default, picks a free one. Messages live in each subscription until acknowledged, without a bound on how many
 * wait: retention and expiration are stored, and never enforced. Exactly-once delivery, filters, push and export
 * subscriptions, schemas, snapshots, seek and IAM answer UNIMPLEMENTED.
 */
export async function startPubSub({ port = 0 }: { port?: number } = {}): Promise<SandboxServer> {
  const services = new Services();
  const server = await serveGrpc((grpc) => {
    grpc.addService(service('Publisher'), services.publisher);
    grpc.addService(service('Subscriber'), services.subscriber);
  }, port);
  const timer = setInterval(() => services.expire(), 50);
  return {
    port: server.port,
    async close() {
      clearInterval(timer);
      await server.close();
    },
  };
}
