import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/**
 * Window of a stream and a connection, as granted by Google's Pub/Sub emulator (measured). HTTP/2's default is 64 KiB.
 */
export const FLOW_CONTROL_WINDOW = 1024 * 1024;

/** Private members of grpc-js. */
interface Http2Servers {
  createHttp2Server(credentials: ServerCredentials): Http2Server;
}

/**
 * Sets how many bytes clients may send before the server confirms reading them. With 64 KiB, a publish request of a few
 * hundred messages takes several turns of both processes. grpc-js has an option for its clients but not for its
 * servers: https://github.com/grpc/grpc-node/pull/3058. Must be called before `bindAsync`.
 */
export function widenFlowControl(server: Server): void {
  const servers = server as unknown as Http2Servers;
  const create = servers.createHttp2Server.bind(server);
  servers.createHttp2Server = (credentials) => create(credentials).on('session', widen);
}

function widen(session: ServerHttp2Session): void {
  session.settings({ initialWindowSize: FLOW_CONTROL_WINDOW });
  session.setLocalWindowSize(FLOW_CONTROL_WINDOW);
}
