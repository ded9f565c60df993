import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { SandboxServer } from './server.ts';

/** Serves a fetch handler (a Hono app's `fetch`) on 127.0.0.1; port 0 picks a free one. */
export async function serveHttp(
  fetch: (request: Request) => Response | Promise<Response>,
  port = 0,
): Promise<SandboxServer> {
  const server: Server = createServer(getRequestListener(fetch));
  // Longer than clients keep a connection idle: a request must not meet a server that is just closing it.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`unexpected address ${address}`);
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
