import { serveGrpc } from '../grpc-server.ts';
import type { SandboxServer } from '../server.ts';
import { publisherService } from './publisher-service.ts';
import { serviceDefinition } from './service-definition.ts';
import { subscriberService } from './subscriber-service.ts';
import { Topics } from './topics.ts';

/**
 * Starts an in-memory Pub/Sub for the official client, which finds it by `PUBSUB_EMULATOR_HOST=127.0.0.1:<port>`.
 *
 * Port 0, the default, picks a free one. Messages live in each subscription until acknowledged, and nowhere else;
 * there is no bound on how many wait. Schemas, snapshots, seek, IAM, filters, push and export subscriptions answer
 * UNIMPLEMENTED. Retention and expiration are stored, and never enforced.
 */
export async function startPubSub({ port = 0 }: { port?: number } = {}): Promise<SandboxServer> {
  const topics = new Topics();
  const server = await serveGrpc((grpc) => {
    grpc.addService(serviceDefinition('Publisher'), publisherService(topics));
    grpc.addService(serviceDefinition('Subscriber'), subscriberService(topics));
  }, port);
  return {
    port: server.port,
    async close() {
      await server.close();
      topics.close();
    },
  };
}
