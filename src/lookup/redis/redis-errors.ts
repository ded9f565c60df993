import { RetryableError, toError } from '../../core/errors.ts';

/** Redis answered and refused the command; the connection is well, and so may be the next command. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal';
  /** First word of the answer: `OOM`, `READONLY`, `WRONGTYPE`, `NOPERM`, `MOVED` … */
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
  READONLY: 'this is a replica: lookup.redis.url has to lead to the primary',
  OOM: 'Redis is full: raise its maxmemory, or set a maxmemory-policy that evicts',
};

/** Returns an answer that is an error as a RedisRefusal with its remedy; undefined for any other failure. */
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
 * Returns what a failed command means: an answer is a RedisRefusal; a time-out or a lost connection is an outage.
 *
 * @param why the cause of the outage, where it is known better than by the error itself.
 */
export function asRedisError(thrown: unknown, why?: string): RedisRefusal | RetryableError {
  return asRefusal(thrown) ?? new RetryableError(why ?? toError(thrown).message, { cause: thrown });
}
