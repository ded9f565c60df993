import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below Linux' range for outgoing connections: one of them could take the port before the server does. */
const LOWEST = 10_240;
const HIGHEST = 32_767;
const TRIES = 100;

/** A port of 127.0.0.1 that is free now, for a server that cannot choose one. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${TRIES} ports from ${LOWEST} to ${HIGHEST} is free`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
