import { RetryableError, toError } from '../../core/errors.ts';

/** A command refused by Redis. The connection is fine, and the next command may succeed. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal';
  /** First word of the reply: `OOM`, `READONLY`, `WRONGTYPE`, `NOPERM`, `MOVED` … */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Remedies for refusals that a setting or an administrator causes. */
const REMEDIES: Readonly<Record<string, string>> = {
  NOAUTH: 'set lookup.redis.password or lookup.redis.passwordFile',
  WRONGPASS: 'check lookup.redis.username, .password and .passwordFile',
  NOPERM:
    'this ACL user needs GET, SET, DEL, PTTL and INFO on the keys of lookup.redis.keyPrefix; in a cluster CLUSTER too',
  MOVED: 'this is one node of a cluster: set lookup.redis.cluster to true',
  ASK: 'this is one node of a cluster: set lookup.redis.cluster to true',
  READONLY: 'this is a replica: lookup.redis.url must lead to the primary',
  OOM: 'Redis is full: raise its maxmemory, or set a maxmemory-policy that evicts',
};

/** Converts an error reply to a RedisRefusal with its remedy; undefined for any other failure. */
export function asRefusal(thrown: unknown): RedisRefusal | undefined {
  const error = toError(thrown);
  if (error.name !== 'ReplyError') return undefined;
  const code = /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR';
  const remedy = REMEDIES[code];
  return new RedisRefusal(code, remedy === undefined ? error.message : `${error.message} (${remedy})`, {
    cause: thrown,
  });
}

/**
 * Converts a failed command: an error reply becomes a RedisRefusal, a timeout or lost connection an outage.
 *
 * @param why the cause of the outage, if it is more specific than the error.
 */
export function asRedisError(thrown: unknown, why?: string): RedisRefusal | RetryableError {
  return asRefusal(thrown) ?? new RetryableError(why ?? toError(thrown).message, { cause: thrown });
}
