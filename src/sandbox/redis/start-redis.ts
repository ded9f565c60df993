import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { listen } from '../listen.ts';
import type { SandboxServer } from '../server.ts';

/** A port that is free now; redis-server cannot choose one. */
async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Starts a real `redis-server` that keeps nothing on disk; undefined where none is installed. */
export async function startRedis({ port = 0 }: { port?: number } = {}): Promise<SandboxServer | undefined> {
  const chosen = port === 0 ? await freePort() : port;
  const options = ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'ignore'] });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const isInstalled = await new Promise<boolean>((resolve, reject) => {
    let output = '';
    child.once('error', () => resolve(false));
    child.once('exit', (code) => reject(new Error(`redis-server on port ${chosen} ended with ${code}:\n${output}`)));
    child.stdout.on('data', (chunk) => {
      output = (output + chunk).slice(-10_000);
      if (output.includes('Ready to accept connections')) resolve(true);
    });
  });
  if (!isInstalled) {
    process.removeListener('exit', endWithUs);
    return undefined;
  }
  return {
    port: chosen,
    async close() {
      process.removeListener('exit', endWithUs);
      child.kill('SIGTERM');
      await exited;
    },
  };
}
