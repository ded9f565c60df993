import * as v from 'valibot';
import type { ConfigIssue } from '../config/config-error.ts';
import { maskAddress } from '../config/schema-walk.ts';
import { bytes, count, flag, milliseconds, readableFile, secret, setting, text } from '../config/schemas.ts';
import { parseRedisUrl } from './redis/redis-url.ts';

/** Returns a refused address without its possible password. */
const shownAddress = (url: string): string => maskAddress(url.replace(/^([a-z]+:\/\/)?.*@/is, '$1***@'));

const passwordEntries = {
  password: setting(v.optional(secret), 'Password. Default for Redis itself: the one in `url`.', {
    example: 'secret',
  }),
  passwordFile: setting(
    v.optional(readableFile),
    'File with the password, instead of `password`. It is read for each connection, without trailing ' + 'line breaks.',
    { example: '/run/secrets/redis' },
  ),
};

const hasOnePassword = (config: { password?: string | undefined; passwordFile?: string | undefined }): boolean =>
  config.password === undefined || config.passwordFile === undefined;
const TWO_PASSWORDS = 'expected password or passwordFile, not both';

/** Settings of Redis: a cache if another layer follows, otherwise a registry that others maintain. */
const redisSchema = v.pipe(
  v.strictObject({
    url: setting(
      v.pipe(
        v.string(),
        v.check(
          (url) => parseRedisUrl(url) !== undefined,
          ({ input }) =>
            `expected an address such as redis://user:password@host:6379/0, URL-encoded, with other options as separate settings, got ${JSON.stringify(shownAddress(input))}`,
        ),
      ),
      'Address: `redis://[user[:password]@]host[:port][/db]`, or `rediss://` for TLS. Several hosts, separated ' +
        'by commas, are nodes of a cluster or sentinels. In front of another layer, Redis is a cache; as the last ' +
        'layer, it is a registry that others maintain.',
      { example: 'redis://127.0.0.1:6379' },
    ),
    username: setting(v.optional(text), 'ACL user.', {
      example: 'enrich',
      unset: "the one in the address, else Redis' default user",
    }),
    ...passwordEntries,
    db: setting(v.optional(count({ min: 0, max: 1_000 })), 'Database number.', {
      example: 1,
      unset: 'the one in the address, else 0',
    }),
    cluster: setting(v.optional(flag, false), 'The address lists nodes of a cluster.'),
    sentinel: setting(
      v.optional(
        v.pipe(
          v.strictObject({
            name: setting(text, 'Name of the primary at the sentinels.', { example: 'primary' }),
            username: setting(v.optional(text), 'ACL user of the sentinels.', { example: 'enrich' }),
            ...passwordEntries,
          }),
          v.check((config) => hasOnePassword(config), TWO_PASSWORDS),
        ),
      ),
      'The address lists sentinels, which name the primary.',
      { unset: 'left out' },
    ),
    caFile: setting(
      v.optional(readableFile),
      'PEM file of the certificate authorities for the server, read for each connection.',
      { example: '/etc/redis/ca.pem', unset: "Node's certificate authorities" },
    ),
    insecureSkipVerify: setting(v.optional(flag, false), 'Accepts any certificate. For tests only.'),
    keyPrefix: setting(v.optional(v.string()), 'Prefix of the keys.', {
      example: 'devices:',
      unset: '`dataflow:device:` for a cache, nothing for a registry',
    }),
    ttlMs: setting(v.optional(milliseconds({ min: 1 }), 7_200_000), 'Time for which the cache keeps a record.'),
    timeoutMs: setting(
      v.optional(milliseconds({ min: 1 }), 500),
      'Time limit of a command. After that, a cache is skipped, and a registry is retried.',
    ),
  }),
  v.check((config) => hasOnePassword(config), TWO_PASSWORDS),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { url, cluster, sentinel, db, caFile } = dataset.value;
    const address = parseRedisUrl(url);
    if (address === undefined) return;
    if (cluster && sentinel !== undefined) addIssue({ message: 'expected cluster or sentinel, not both' });
    if (!cluster && sentinel === undefined && address.hosts.length > 1) {
      addIssue({ message: 'url has several hosts: set cluster to true, or sentinel.name' });
    }
    if (cluster && (db ?? address.db ?? 0) !== 0) addIssue({ message: 'a cluster has only db 0' });
    if (caFile !== undefined && !address.isTls) addIssue({ message: 'caFile needs TLS: begin url with rediss://' });
  }),
);

/** Settings of the lookup chain: memory → Redis → Firestore; each layer exists if it is configured. */
export const lookupSchema = v.strictObject({
  memory: setting(
    v.optional(
      v.strictObject({
        maxEntries: setting(
          v.optional(count({ max: 10_000_000 }), 10_000),
          'The most keys that the layer keeps. The least recently used are evicted first.',
        ),
        maxBytes: setting(
          v.optional(bytes(), 64 * 1024 * 1024),
          "The most memory that the entries may take, by an estimate of V8's heap. An entry holds the fields in " +
            '`apply`, or all of the data if a hook `applier` replaces it. Larger data is looked up each ' +
            'time.',
        ),
        ttlMs: setting(v.optional(milliseconds({ min: 1 }), 300_000), 'Time for which the layer keeps a record.'),
      }),
    ),
    "Layer in the process's memory.",
    { unset: 'left out' },
  ),
  redis: setting(v.optional(redisSchema), 'Layer in Redis.', { unset: 'left out' }),
  firestore: setting(
    v.optional(
      v.strictObject({
        collection: setting(
          v.pipe(v.string(), v.regex(/^[^/]+$/, 'expected the name of a collection, without a slash')),
          'Name of the collection.',
          { example: 'devices' },
        ),
        projectId: setting(v.optional(text), 'Project of the database.', {
          example: 'my-project',
          unset: '`google.projectId`',
        }),
        databaseId: setting(v.optional(text), 'Name of the database.', {
          example: 'registry',
          unset: 'the default database',
        }),
        timeoutMs: setting(v.optional(milliseconds({ min: 1 }), 10_000), 'Time limit of a read.'),
      }),
    ),
    'Last layer, in Firestore: a key is a document id.',
    { unset: 'left out' },
  ),
  missingTtlMs: setting(
    v.optional(milliseconds({ min: 1 }), 30_000),
    'Time for which every caching layer keeps the answer "no data".',
  ),
});

export type LookupConfig = v.InferOutput<typeof lookupSchema>;

/** The problem of a lookup without a last layer. */
export const NO_LAST_LAYER = 'expected redis, firestore or a hook "fetcher": memory alone has no data';

/** Returns problems between the layers of a lookup, including hooks. */
export function lookupProblems({ redis, firestore }: LookupConfig, hasFetcher: boolean): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  if (redis === undefined && firestore === undefined && !hasFetcher) {
    issues.push({ path: 'lookup', problem: NO_LAST_LAYER });
  }
  if (firestore !== undefined && hasFetcher) {
    issues.push({ path: 'lookup.firestore', problem: 'the hook "fetcher" replaces it: remove one of the two' });
  }
  if (redis?.keyPrefix === '' && (firestore !== undefined || hasFetcher)) {
    const problem = 'is empty: a device that chooses its id could name any key of that Redis; omit it, or set one';
    issues.push({ path: 'lookup.redis.keyPrefix', problem });
  }
  return issues;
}
