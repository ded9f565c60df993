import { X509Certificate } from 'node:crypto';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { BehaviorSubject, type Observable } from 'rxjs';
import { fileAgain, secretIn } from '../../config/file-again.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { asRedisError, asRefusal, type RedisRefusal } from './redis-errors.ts';
import { parseRedisUrl, type RedisAddress } from './redis-url.ts';

export interface RedisConfig {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly db?: number | undefined;
  readonly cluster: boolean;
  readonly sentinel?:
    | {
        readonly name: string;
        readonly username?: string | undefined;
        readonly password?: string | undefined;
        readonly passwordFile?: string | undefined;
      }
    | undefined;
  readonly caFile?: string | undefined;
  readonly timeoutMs: number;
  readonly insecureSkipVerify: boolean;
}

/** State of the connection; for a cluster, of all nodes together. */
export interface RedisState {
  readonly isReady: boolean;
  /** Why it is not ready; undefined during the first connection attempt. */
  readonly problem?: string;
}

/**
 * The commands of a lookup, on a single server, a cluster, or the primary named by sentinels. Each fails with a
 * RedisRefusal if Redis returns an error, and with a RetryableError if it does not answer.
 */
export interface RedisClient {
  /** Emits the current state, then each change. */
  readonly state: Observable<RedisState>;
  get(key: string): Promise<string | null>;
  /** Writes a key only if it does not exist. */
  setNew(key: string, text: string, ttlMs: number): Promise<void>;
  /** Deletes the keys, and returns how many existed. */
  delete(keys: readonly string[]): Promise<number>;
  /** Time until a key expires; undefined if it does not expire or does not exist. */
  expiresInMs(key: string): Promise<number | undefined>;
  /** Any other command, such as `INFO`; a cluster sends it to one of its nodes. */
  call(command: string, ...args: readonly string[]): Promise<unknown>;
  disconnect(): void;
}

const LONGEST_RECONNECT_MS = 5_000;
/** Interval of checks where the address leads, while a replica refuses writes. */
const FOLLOW_EVERY_MS = 1_000;
const DEFAULT_PORT = 6_379;
const SENTINEL_PORT = 26_379;

/**
 * Creates a client that queues nothing while disconnected, fails a command after `timeoutMs`, and reconnects forever.
 * Reads password and CA files again for each connection.
 *
 * @throws FatalError if a file cannot be read now.
 */
export function createRedisClient(config: RedisConfig): RedisClient {
  const address = parseRedisUrl(config.url);
  if (address === undefined) throw new FatalError('lookup.redis.url: not a Redis address');
  return new ConnectedRedis(config, address);
}

class ConnectedRedis implements RedisClient {
  readonly state: BehaviorSubject<RedisState> = new BehaviorSubject<RedisState>({ isReady: false });
  readonly #client: Redis | Cluster;
  readonly #timeoutMs: number;
  #followedAt = Number.NEGATIVE_INFINITY;
  /** Problem of a file that could not be read for the current connection attempt. */
  #fileProblem: string | undefined;

  constructor(config: RedisConfig, address: RedisAddress) {
    this.#timeoutMs = config.timeoutMs;
    this.#client = config.cluster ? this.#cluster(config, address) : this.#single(config, address);
    this.#client.on('ready', () => {
      this.#fileProblem = undefined;
      this.state.next({ isReady: true });
    });
    this.#client.on('close', () => {
      const what = config.cluster ? 'no node of the cluster can be reached' : 'the connection was closed';
      const { problem = what } = this.state.value;
      this.state.next({ isReady: false, problem });
    });
  }

  get(key: string): Promise<string | null> {
    return this.#client.get(key).catch(this.#rethrow);
  }

  async setNew(key: string, text: string, ttlMs: number): Promise<void> {
    await this.#client.set(key, text, 'PX', ttlMs, 'NX').catch(this.#rethrow);
  }

  async delete(keys: readonly string[]): Promise<number> {
    // One by one, because the keys may belong to different nodes of a cluster.
    const deleted = await Promise.all(keys.map((key) => this.#client.del(key).catch(this.#rethrow)));
    return deleted.reduce((sum, each) => sum + each, 0);
  }

  async expiresInMs(key: string): Promise<number | undefined> {
    const left = await this.#client.pttl(key).catch(this.#rethrow);
    return left < 0 ? undefined : left;
  }

  call(command: string, ...args: readonly string[]): Promise<unknown> {
    return this.#client.call(command, [...args]).catch(this.#rethrow);
  }

  disconnect(): void {
    this.state.complete();
    this.#client.disconnect();
  }

  #single(config: RedisConfig, address: RedisAddress): Redis {
    const { sentinel } = config;
    const [first] = address.hosts;
    const tls = this.#tls(config, address);
    const where =
      sentinel === undefined
        ? { host: first?.host, port: first?.port ?? DEFAULT_PORT }
        : {
            name: sentinel.name,
            sentinels: address.hosts.map(({ host, port }) => ({ host, port: port ?? SENTINEL_PORT })),
            sentinelUsername: sentinel.username,
            sentinelCommandTimeout: config.timeoutMs,
            sentinelRetryStrategy: reconnectAfter,
            sentinelTLS: tls,
            enableTLSForSentinelMode: tls !== undefined,
          };
    const client = new Redis({
      ...commonOptions(config, address),
      ...where,
      tls,
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      db: config.db ?? address.db ?? 0,
      retryStrategy: reconnectAfter,
    });
    reading(client.options, 'password', this.#password('lookup.redis', config, config.password ?? address.password));
    if (sentinel !== undefined) {
      reading(client.options, 'sentinelPassword', this.#password('lookup.redis.sentinel', sentinel, sentinel.password));
    }
    client.on('error', this.#failed);
    client.connect().catch(() => {});
    return client;
  }

  #cluster(config: RedisConfig, address: RedisAddress): Cluster {
    const tls = this.#tls(config, address);
    const password = this.#password('lookup.redis', config, config.password ?? address.password);
    const cluster = new Cluster(
      address.hosts.map(({ host, port }) => ({ host, port: port ?? DEFAULT_PORT })),
      {
        lazyConnect: true,
        enableOfflineQueue: false,
        clusterRetryStrategy: reconnectAfter,
        // Keeps host names, because certificates are issued for them.
        dnsLookup: (name, callback) => callback(null, name),
        redisOptions: { ...commonOptions(config, address), tls },
      },
    );
    // Runs before the node connects.
    cluster.on('+node', (node: Redis) => reading(node.options, 'password', password));
    // The cluster's own error only says that no node is left.
    cluster.on('node error', (error: Error) => {
      if (cluster.status !== 'ready' && error.message !== 'Connection is closed.') this.#failed(error);
    });
    cluster.on('error', (error: Error) => {
      if (this.state.value.problem === undefined) this.#failed(error);
    });
    cluster.connect().catch(() => {});
    return cluster;
  }

  /** Returns TLS options whose CA is read for each connection; undefined without TLS. */
  #tls(config: RedisConfig, { isTls }: RedisAddress): RedisOptions['tls'] {
    if (!isTls) return undefined;
    const { caFile } = config;
    const tls = { rejectUnauthorized: !config.insecureSkipVerify };
    if (caFile === undefined) return tls;
    const parse = (text: string): string => {
      // A file without a certificate would otherwise only show up as an untrusted server.
      new X509Certificate(text);
      return text;
    };
    return reading(tls, 'ca', fileAgain('lookup.redis.caFile', caFile, parse, this.#reportFile));
  }

  #password(
    setting: string,
    { passwordFile }: Pick<RedisConfig, 'passwordFile'>,
    password: string | undefined,
  ): () => string | undefined {
    if (passwordFile === undefined) return () => password;
    return fileAgain(`${setting}.passwordFile`, passwordFile, secretIn, this.#reportFile);
  }

  readonly #reportFile = (problem: string): void => {
    this.#fileProblem = problem;
  };

  readonly #failed = (error: Error): void => {
    const problem = asRefusal(error)?.message ?? causeOf(error);
    const all = this.#fileProblem === undefined ? problem : `${problem}; ${this.#fileProblem}`;
    this.state.next({ ...this.state.value, problem: all });
  };

  readonly #rethrow = (thrown: unknown): never => {
    const { isReady, problem } = this.state.value;
    const why = isReady ? this.#timedOut(thrown) : (problem ?? 'not connected yet');
    const error = asRedisError(thrown, why);
    if (error.name === 'RedisRefusal') this.#refused(error);
    throw error;
  };

  #timedOut(thrown: unknown): string | undefined {
    return toError(thrown).message === 'Command timed out' ? `no answer within ${this.#timeoutMs} ms` : undefined;
  }

  /** After a failover, the connection may still lead to a replica, and the address to the new primary. */
  #refused({ code }: RedisRefusal): void {
    const now = performance.now();
    if (code !== 'READONLY' || this.#client instanceof Cluster || now < this.#followedAt + FOLLOW_EVERY_MS) return;
    this.#followedAt = now;
    void followPrimary(this.#client);
  }
}

/**
 * Reconnects if the address now leads to a primary. Otherwise keeps the connection to a replica, which still serves
 * reads.
 */
async function followPrimary(client: Redis): Promise<void> {
  const probe = client.duplicate({ lazyConnect: true, retryStrategy: null });
  probe.on('error', () => {});
  try {
    await probe.connect();
    const isPrimary = await probe.info('replication').then(
      (info) => /^role:master/m.test(info),
      // Without permission to check, reconnect anyway.
      (thrown: unknown) => asRefusal(thrown)?.code === 'NOPERM',
    );
    if (isPrimary && client.status === 'ready') client.disconnect(true);
  } catch {
    // No better server is available now.
  } finally {
    probe.disconnect();
  }
}

function commonOptions(config: RedisConfig, { username }: RedisAddress) {
  return {
    username: config.username ?? username,
    commandTimeout: config.timeoutMs,
    connectTimeout: 5_000,
    // Does not wait for a server that never confirms the end of a connection.
    disconnectTimeout: 500,
    // A command that timed out stays in the client's queue until its answer arrives, so a hanging server is
    // disconnected.
    socketTimeout: 4 * config.timeoutMs,
  };
}

/** Returns the cause of an error. One that combines attempts over IPv4 and IPv6 has no message. */
function causeOf(error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message;
  return error.errors.map((each: unknown) => toError(each).message).join(', ');
}

function reconnectAfter(attempt: number): number {
  return Math.min(LONGEST_RECONNECT_MS, 100 * 2 ** Math.min(attempt, 10));
}

/** Replaces a member of options with a getter that reads it on use. */
function reading<Options extends object>(options: Options, name: string, get: () => string | undefined): Options {
  return Object.defineProperty(options, name, { get, enumerable: true, configurable: true });
}
