import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { widenFlowControl } from './flow-control.ts';
import { listenAddress } from './listen.ts';
import type { SandboxServer } from './server.ts';

/** The real services accept requests slightly above 10 MB; grpc-js' default is 4 MB. */
const MAX_MESSAGE_BYTES = 20 * 1024 * 1024;

/** Concurrent calls on one connection, as Google's front ends allow: more calls need more connections. */
const MAX_CONCURRENT_STREAMS = 100;

/** Serves gRPC on 127.0.0.1 without TLS, like an emulator; port 0 picks a free one. */
export async function serveGrpc(
  register: (server: Server) => void,
  port = 0,
  options: ServerOptions = {},
): Promise<SandboxServer> {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_STREAMS,
    ...options,
  });
  widenFlowControl(server);
  register(server);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${listenAddress()}:${port}`, ServerCredentials.createInsecure(), (error, assigned) =>
      error ? reject(error) : resolve(assigned),
    );
  });
  return {
    port: bound,
    async close() {
      server.forceShutdown();
    },
  };
}
