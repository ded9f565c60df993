import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, Socket } from 'node:net';
import type { SandboxServer } from '../server.ts';

const START_TIMEOUT_MS = 10_000;

/** A port that is free now. Another process may take it before it is used; then starting fails, and says so. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error(`unexpected address ${address}`);
  return address.port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket();
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.connect(port, '127.0.0.1', () => socket.end());
  });
}

/** Starts a real `redis-server` that keeps nothing on disk; undefined where none is installed. */
export async function startRedis({ port = 0 }: { port?: number } = {}): Promise<SandboxServer | undefined> {
  const chosen = port === 0 ? await freePort() : port;
  const child: ChildProcess = spawn(
    'redis-server',
    ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    { stdio: 'ignore' },
  );
  let problem: Error | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      problem = error;
      resolve();
    });
    child.once('exit', (code) => {
      problem ??= new Error(`redis-server ended with code ${code}; is port ${chosen} taken?`);
      resolve();
    });
  });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);

  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(chosen))) {
    if (problem !== undefined) {
      process.removeListener('exit', endWithUs);
      if ('code' in problem && problem.code === 'ENOENT') return undefined;
      throw problem;
    }
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`redis-server did not answer on port ${chosen} within ${START_TIMEOUT_MS} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
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
