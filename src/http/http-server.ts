import { createServer, type Server } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { errorCode, FatalError } from '../core/errors.ts';
import type { HttpConfig } from './config.ts';

export interface HttpServer {
  /** For example `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** A request's headers must arrive within the first limit, and all of it within the second. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const MAX_CONNECTIONS = 1_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Pipelined requests are answered back to back: up to this many, and the rest are refused. */
const MAX_REQUESTS_PER_CONNECTION = 100;

/** Serves an app. A slow or broken client occupies a socket for some seconds, and causes no other cost. */
export async function serveHttp(app: Hono, { host, port }: Pick<HttpConfig, 'host' | 'port'>): Promise<HttpServer> {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, connectionsCheckingInterval: 1_000 });
  server.on('request', getRequestListener(app.fetch));
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  makeRoomForNewConnections(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new FatalError(`http.port: cannot listen on ${host}:${port}: ${whyNot(error)}`, { cause: error })),
    );
    server.listen(port, host, resolve);
  });
  server.on('error', () => {
    // Affects only one connection, or accepting one: the others continue.
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new FatalError(`http.host: no TCP address for ${host}`);
  return {
    port: address.port,
    url: urlOf(host, address.port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function whyNot(error: Error): string {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return 'another process listens there; choose another port, or 0 for a free one';
    case 'EACCES':
      return 'this user is not permitted to; choose a port above 1023, or 0 for a free one';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine does not have that address; set http.host to one that it has, or to 0.0.0.0 for all';
    default:
      return error.message;
  }
}

/** Returns the address at which this machine reaches a server that listens on host and port. */
export function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`;
  return isIPv6(host) ? `http://[${host}]:${port}` : `http://${host}:${port}`;
}

/**
 * Closes a connection when a new one exceeds the limit: the oldest without a complete request, or else the one idle for
 * longest. If new ones were refused, slow clients could block an orchestrator's probes, and it would restart a healthy
 * service.
 */
function makeRoomForNewConnections(server: Server): void {
  /** Connections without a complete request, and connections that wait for their next request; oldest first. */
  const unheard = new Set<Socket>();
  const idle = new Set<Socket>();
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    if (open > MAX_CONNECTIONS) {
      const [slowest = idle.values().next().value ?? socket] = unheard;
      slowest.destroy();
    }
    unheard.add(socket);
    socket.once('close', () => {
      open -= 1;
      unheard.delete(socket);
      idle.delete(socket);
    });
  });
  server.on('request', ({ socket }, response) => {
    unheard.delete(socket);
    idle.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
}
