import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { listen } from './listen.ts';
import type { SandboxServer } from './server.ts';

/** Serves a fetch handler (a Hono app's `fetch`) on 127.0.0.1; port 0 picks a free one. */
export async function serveHttp(
  fetch: (request: Request) => Response | Promise<Response>,
  port = 0,
): Promise<SandboxServer> {
  const server = createServer(getRequestListener(fetch));
  // Longer than clients keep an idle connection, so that a request never meets a closing connection.
  server.keepAliveTimeout = 65_000;
  return {
    port: await listen(server, port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
