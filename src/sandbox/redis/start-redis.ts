import { spawn } from 'node:child_process';
import { freePort } from '../free-port.ts';
import type { SandboxServer } from '../server.ts';

/**
 * Runs redis-server until its standard input ends. This process holds that pipe, so the server ends with it in every
 * case.
 */
const SCRIPT = `
command -v redis-server >/dev/null || exit 127
trap '' INT HUP TERM
exec 3<&0
redis-server "$@" 3<&- &
server=$!
{ read -r _ <&3; kill -KILL "$server"; } >/dev/null 2>&1 &
exec 3<&-
wait "$server"
`;
const NOT_FOUND = 127;
/** Cached keys leave before it is full; keys that never expire stay. */
const MEMORY = ['--maxmemory', '256mb', '--maxmemory-policy', 'volatile-lru'];

/** Starts a real `redis-server` without persistence; undefined if none is installed. */
export async function startRedis({ port = 0 }: { port?: number } = {}): Promise<SandboxServer | undefined> {
  const chosen = port === 0 ? await freePort() : port;
  const options = ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...MEMORY];
  const child = spawn('sh', ['-c', SCRIPT, 'redis', ...options], { stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isInstalled = await new Promise<boolean>((resolve, reject) => {
    let output = '';
    child.once('error', () => resolve(false));
    child.once('exit', (code) => {
      if (code === NOT_FOUND) resolve(false);
      else reject(new Error(`redis-server on port ${chosen} ended with ${code}:\n${output}`));
    });
    child.stdout.on('data', (chunk) => {
      output = (output + chunk).slice(-10_000);
      if (output.includes('Ready to accept connections')) resolve(true);
    });
  });
  if (!isInstalled) return undefined;
  return {
    port: chosen,
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}
