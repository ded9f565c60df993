import { Redis } from 'ioredis';

export interface RedisConfig {
  readonly url: string;
  readonly password?: string | undefined;
  readonly db?: number | undefined;
  readonly timeoutMs: number;
  readonly insecureSkipVerify: boolean;
}

const LONGEST_RECONNECT_MS = 5_000;

/**
 * Builds a client for a cache that may be skipped: nothing is queued while it is not connected, a command fails after
 * `timeoutMs`, and it reconnects for ever.
 */
export function createRedisClient(config: RedisConfig, onError: (error: Error) => void): Redis {
  const client = new Redis(config.url, {
    ...(config.password === undefined ? {} : { password: config.password }),
    ...(config.db === undefined ? {} : { db: config.db }),
    ...(config.insecureSkipVerify && config.url.startsWith('rediss:') ? { tls: { rejectUnauthorized: false } } : {}),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: config.timeoutMs,
    connectTimeout: 5_000,
    // A command that timed out stays in the client's queue until its answer comes: a server that hangs is hung up on.
    socketTimeout: 4 * config.timeoutMs,
    retryStrategy: (attempt) => Math.min(LONGEST_RECONNECT_MS, 100 * 2 ** Math.min(attempt, 10)),
  });
  client.on('error', onError);
  return client;
}
