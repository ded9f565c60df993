import { connect } from 'node:net';
import { FatalError } from '../core/errors.ts';

const TIMEOUT_MS = 5_000;
/** Ports of addresses that name none. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  ...{ 'mqtt:': 1_883, 'tcp:': 1_883, 'mqtts:': 8_883, 'ssl:': 8_883, 'tls:': 8_883 },
  ...{ 'ws:': 80, 'http:': 80, 'wss:': 443, 'https:': 443 },
};

interface Server {
  readonly variable: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Checks that servers that the environment names accept connections.
 *
 * @param variables names of variables that hold `host:port` or a URL; those that are not set are left out.
 * @throws FatalError naming the variables of servers that are not there. Of a URL it shows host and port alone.
 */
export async function assertListening(variables: readonly string[]): Promise<void> {
  const servers = variables.filter((name) => (process.env[name] ?? '') !== '').map(serverOf);
  const found = await Promise.all(servers.map(isListening));
  const missing = servers.filter((_, index) => !found[index]);
  if (missing.length === 0) return;
  const addresses = missing.map(({ variable, host, port }) => `${host}:${port} (${variable})`);
  throw new FatalError(
    `nothing listens at ${addresses.join(', ')}: start that server again, or "unset ${missing.map(({ variable }) => variable).join(' ')}" if it has ended`,
  );
}

function serverOf(variable: string): Server {
  const address = process.env[variable] ?? '';
  const url = URL.parse(address.includes('://') ? address : `http://${address}`);
  const port = Number(url?.port) || DEFAULT_PORTS[url?.protocol ?? ''];
  if (url === null || url.hostname === '' || port === undefined) {
    throw new FatalError(`${variable}: expected an address such as 127.0.0.1:9100, or a URL with a host`);
  }
  return { variable, host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port };
}

function isListening({ host, port }: Server): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
