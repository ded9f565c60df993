import type { handleUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Faults } from '../faults/faults.ts';
import { faultyUnary } from '../faults/grpc-faults.ts';
import { serveGrpc } from '../grpc-server.ts';
import type { SandboxServer } from '../server.ts';
import { service } from './protos.ts';
import { type Request, resourceOf } from './rpc.ts';
import { Services } from './services.ts';

/**
 * Starts an in-memory Pub/Sub for the official client, which finds it by `PUBSUB_EMULATOR_HOST=127.0.0.1:<port>`; port
 * 0, the default, picks a free one. Messages live in each subscription until acknowledged, without a bound on how many
 * wait: retention and expiration are stored, and never enforced. Filters, push and export
 * subscriptions, schemas, snapshots, seek and IAM answer UNIMPLEMENTED.
 */
export async function startPubSub({
  port = 0,
  faults = new Faults(),
}: {
  port?: number;
  faults?: Faults;
} = {}): Promise<SandboxServer> {
  const services = new Services(faults);
  const faulty = (methods: Readonly<Record<string, unknown>>): UntypedServiceImplementation =>
    Object.fromEntries(
      Object.entries(methods).map(([method, handler]) => {
        const callOf = (request: Request) => ({ server: 'pubsub' as const, method, resource: resourceOf(request) });
        // All of them are made by `unary`, each with a request type of its own.
        return [method, faultyUnary(faults, callOf, handler as handleUnaryCall<Request, object>)];
      }),
    );
  const server = await serveGrpc((grpc) => {
    grpc.addService(service('Publisher'), faulty(services.publisher));
    grpc.addService(service('Subscriber'), { ...faulty(services.subscriber), ...services.streams });
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
