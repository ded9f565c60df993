import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/** Of a stream and of a connection, as Google's Pub/Sub emulator grants it (measured). HTTP/2's default is 64 KiB. */
export const FLOW_CONTROL_WINDOW = 1024 * 1024;

/** Private members of grpc-js. */
interface Http2Servers {
  createHttp2Server(credentials: ServerCredentials): Http2Server;
}

/**
 * Lets clients send so many bytes before they have to wait for the server to say that it has read them. With 64 KiB a
 * publish request of a few hundred messages takes several turns of both processes. The clients of grpc-js have an
 * option for it, its servers none: https://github.com/grpc/grpc-node/pull/3058. To be called before `bindAsync`.
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
