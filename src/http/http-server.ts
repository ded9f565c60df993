import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { FatalError, toError } from '../core/errors.ts';
import type { HttpConfig } from './config.ts';

export interface HttpServer {
  /** For example `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** A request's headers must arrive within this time, and the request within the next. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const MAX_CONNECTIONS = 200;
const MAX_HEADER_BYTES = 16 * 1024;

/** Serves an app. A slow or broken client costs a socket for some seconds, and nothing else. */
export async function serveHttp(app: Hono, { host, port }: HttpConfig): Promise<HttpServer> {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, connectionsCheckingInterval: 1_000 });
  server.on('request', getRequestListener(app.fetch));
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new FatalError(`http.port: cannot listen on ${host}:${port}: ${toError(error).message}`, { cause: error }),
      ),
    );
    server.listen(port, host, resolve);
  });
  server.on('error', () => {
    // Of one connection, or of accepting one: the others go on.
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new FatalError(`http.host: no TCP address for ${host}`);
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return {
    port: address.port,
    url: `http://${shown}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
