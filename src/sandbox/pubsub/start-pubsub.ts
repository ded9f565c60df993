import type { handleUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Faults } from '../faults/faults.ts';
import { faultyUnary } from '../faults/grpc-faults.ts';
import { serveGrpc } from '../grpc-server.ts';
import { type MethodPermissions, Permissions } from '../permissions.ts';
import type { SandboxServer } from '../server.ts';
import type { Clock } from './backlog.ts';
import { PUBSUB_PERMISSIONS } from './permissions.ts';
import { iamService, service } from './protos.ts';
import { permissionDenied, type Request, resourceOf } from './rpc.ts';
import { Services } from './services.ts';

/**
 * Starts an in-memory Pub/Sub for the official client, which finds it by `PUBSUB_EMULATOR_HOST=127.0.0.1:<port>`; port
 * 0, the default, picks a free one. Messages live in each subscription until acknowledged, without a bound on how many
 * wait: retention and expiration are stored, and never enforced. Leases and backoffs follow `now`, so that a test can
 * pass a clock that it advances. Filters, push and export subscriptions, schemas, snapshots, seek, and of IAM all but
 * TestIamPermissions, answer UNIMPLEMENTED.
 */
export async function startPubSub({
  port = 0,
  faults = new Faults(),
  permissions = new Permissions(),
  clock = () => performance.now(),
}: {
  port?: number;
  faults?: Faults;
  permissions?: Permissions;
  /** Milliseconds for leases and backoffs; only differences matter. */
  clock?: Clock;
} = {}): Promise<SandboxServer> {
  const services = new Services(faults, permissions, clock);
  const needed: MethodPermissions = PUBSUB_PERMISSIONS;
  const checked = (methods: Readonly<Record<string, unknown>>): UntypedServiceImplementation =>
    Object.fromEntries(
      Object.entries(methods).map(([method, made]) => {
        // All of them are created by `unary`, each with its own request type.
        const handler = made as handleUnaryCall<Request, object>;
        const permitted: typeof handler = (call, callback) => {
          const lacking = permissions.check(method, needed[method] ?? []);
          if (lacking === undefined) handler(call, callback);
          else callback(permissionDenied(lacking));
        };
        const callOf = (request: Request) => ({ server: 'pubsub' as const, method, resource: resourceOf(request) });
        return [method, faultyUnary(faults, callOf, permitted)];
      }),
    );
  const server = await serveGrpc((grpc) => {
    grpc.addService(service('Publisher'), checked(services.publisher));
    grpc.addService(service('Subscriber'), { ...checked(services.subscriber), ...services.streams });
    grpc.addService(iamService(), checked(services.iam));
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
