import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below Linux' range of outgoing ports, so that an outgoing connection cannot take the port first. */
const LOWEST = 10_240;
const HIGHEST = 32_767;
const TRIES = 100;

/** Returns a currently free port of 127.0.0.1, for a server that cannot choose one. */
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
