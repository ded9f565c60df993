import type { Server } from 'node:net';

/** Returns the address of every server: 127.0.0.1, unless `SANDBOX_HOST` is set, as in a container. */
export const listenAddress = (): string => process.env.SANDBOX_HOST || '127.0.0.1';

/** Starts listening and resolves with the port; 0 picks a free one. */
export async function listen(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, listenAddress(), resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`unexpected address ${address}`);
  return address.port;
}
