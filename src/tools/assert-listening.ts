import { connect } from 'node:net';
import { FatalError } from '../core/errors.ts';

const TIMEOUT_MS = 5_000;

/**
 * Checks that servers that the environment names accept connections.
 *
 * @param variables names of variables that hold `host:port` or a URL; those that are not set are left out.
 * @throws FatalError naming the variables of servers that are not there.
 */
export async function assertListening(variables: readonly string[]): Promise<void> {
  const named = variables.filter((name) => (process.env[name] ?? '') !== '');
  const found = await Promise.all(named.map((name) => isListening(process.env[name] ?? '')));
  const missing = named.filter((_, index) => !found[index]);
  if (missing.length === 0) return;
  const addresses = missing.map((name) => `${name}=${process.env[name]}`).join(', ');
  throw new FatalError(
    `nothing listens at ${addresses}: start that server again, or "unset ${missing.join(' ')}" if it has ended`,
  );
}

function isListening(address: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(address.includes('://') ? address : `tcp://${address}`);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) || (DEFAULT_PORTS[protocol] ?? 0), timeout: TIMEOUT_MS });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'mqtt:': 1_883, 'mqtts:': 8_883, 'http:': 80, 'https:': 443 };
