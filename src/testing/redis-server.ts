import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { freePort } from '../sandbox/free-port.ts';
import { startChild } from './child.ts';
import { eventually } from './eventually.ts';
import type { Scope } from './scope.ts';

export const hasRedis = spawnSync('redis-server', ['--version']).error === undefined;

/** A real redis-server, with a client for the test. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly admin: Redis;
  /** Ends the server. */
  end(): Promise<unknown>;
}

export interface RedisServerOptions {
  readonly port?: number;
  /** Arguments of `redis-server`; the first may be a configuration file. */
  readonly args?: readonly string[];
  /** Of the test's client. */
  readonly admin?: Omit<RedisOptions, 'replyMapping'>;
}

/** Starts a redis-server without persistence, and ends it with the scope. */
export async function startRedisServer(scope: Scope, options: RedisServerOptions = {}): Promise<RedisServer> {
  const { port = await freePort(), args = [], admin: adminOptions } = options;
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const file = args[0]?.startsWith('--') === false ? args.slice(0, 1) : [];
  const child = await startChild('redis-server', [...file, ...own, ...args.slice(file.length)], {
    readyWhen: /Ready to accept connections|monitor master/,
  });
  scope.defer(() => child.end('SIGKILL'));
  // ioredis would wait as long for the end of an already ended connection.
  const admin = new Redis({ port, host: '127.0.0.1', disconnectTimeout: 10, ...adminOptions });
  admin.on('error', () => {});
  scope.defer(() => admin.disconnect());
  await eventually(() => admin.ping());
  return { port, url: `redis://127.0.0.1:${port}`, admin, end: () => child.end('SIGKILL') };
}
