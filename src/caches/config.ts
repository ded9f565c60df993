import * as v from 'valibot';
import { parseRedisUrl } from '../clients/redis-url.ts';
import type { ConfigIssue } from '../config/config-error.ts';
import { maskAddress } from '../config/schema-walk.ts';
import { bytes, count, flag, milliseconds, readableFile, secret, text } from '../config/schemas.ts';

/** An address that is refused, without what may be a password in it. */
const shownAddress = (url: string): string => maskAddress(url.replace(/^([a-z]+:\/\/)?.*@/is, '$1***@'));

const passwordEntries = {
  password: v.optional(secret),
  /** A file with the password, read again at each connection; line breaks at its end are cut. In the place of `password`. */
  passwordFile: v.optional(readableFile),
};

const hasOnePassword = (config: { password?: string | undefined; passwordFile?: string | undefined }): boolean =>
  config.password === undefined || config.passwordFile === undefined;
const TWO_PASSWORDS = 'expected password or passwordFile, not both';

/** Settings of Redis. In front of another layer it is a cache; as the last layer it is a registry that others maintain. */
const redisSchema = v.pipe(
  v.strictObject({
    /** `redis://[user[:password]@]host[:port][,host[:port]…][/db]`, or `rediss://…` for TLS. */
    url: v.pipe(
      v.string(),
      v.check(
        (url) => parseRedisUrl(url) !== undefined,
        ({ input }) =>
          `expected an address such as redis://user:password@host:6379/0, URL-encoded, with other options beside it, got ${JSON.stringify(shownAddress(input))}`,
      ),
    ),
    /** ACL user. Default: that of the address, else Redis' default user. */
    username: v.optional(text),
    ...passwordEntries,
    db: v.optional(count({ min: 0, max: 1_000 })),
    /** The address is a node of a cluster, or several of its nodes. */
    cluster: v.optional(flag, false),
    /** The address is that of sentinels, which name the primary. */
    sentinel: v.optional(
      v.pipe(
        v.strictObject({
          /** The primary's name, as the sentinels know it. */
          name: text,
          username: v.optional(text),
          ...passwordEntries,
        }),
        v.check((config) => hasOnePassword(config), TWO_PASSWORDS),
      ),
    ),
    /** PEM file of the authorities that vouch for the server, read again at each connection. */
    caFile: v.optional(readableFile),
    insecureSkipVerify: v.optional(flag, false),
    /** What keys begin with. Default: `dataflow:device:` for a cache, nothing for a registry. */
    keyPrefix: v.optional(v.string()),
    /** How long the cache keeps a record. */
    ttlMs: v.optional(milliseconds({ min: 1 }), 7_200_000),
    /** A command without an answer in this time has failed: a cache is skipped then, a registry is asked again. */
    timeoutMs: v.optional(milliseconds({ min: 1 }), 500),
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

/** Settings of the lookup chain: memory → Redis → Firestore; each layer is there if it is configured. */
export const lookupSchema = v.strictObject({
  memory: v.optional(
    v.strictObject({
      maxEntries: v.optional(count({ max: 10_000_000 }), 10_000),
      /**
       * What the entries may take in memory, by an estimate of V8's heap: a string takes one or two bytes a character,
       * an object its members, each part some overhead. Only what `apply` names is kept; all of the data where a hook
       * (`applier`) takes its place. Larger data is looked up each time.
       */
      maxBytes: v.optional(bytes(), 64 * 1024 * 1024),
      ttlMs: v.optional(milliseconds({ min: 1 }), 300_000),
    }),
  ),
  redis: v.optional(redisSchema),
  firestore: v.optional(
    v.strictObject({
      collection: v.pipe(v.string(), v.regex(/^[^/]+$/, 'expected the name of a collection, without a slash')),
      /** Default: `google.projectId`. */
      projectId: v.optional(text),
      databaseId: v.optional(text),
      timeoutMs: v.optional(milliseconds({ min: 1 }), 10_000),
    }),
  ),
  /** How long a key is known to have no data, in every layer that caches. */
  missingTtlMs: v.optional(milliseconds({ min: 1 }), 30_000),
});

export type LookupConfig = v.InferOutput<typeof lookupSchema>;

/** What is wrong with a lookup that has nowhere to get data from. */
export const NO_LAST_LAYER = 'expected redis, firestore or a hook "fetcher": memory alone has nothing to answer with';

/** Finds what is wrong between the layers of a lookup, some of which may be hooks. */
export function lookupProblems({ redis, firestore }: LookupConfig, hasFetcher: boolean): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  if (redis === undefined && firestore === undefined && !hasFetcher) {
    issues.push({ path: 'lookup', problem: NO_LAST_LAYER });
  }
  if (firestore !== undefined && hasFetcher) {
    issues.push({ path: 'lookup.firestore', problem: 'the hook "fetcher" stands in its place: remove one of the two' });
  }
  if (redis?.keyPrefix === '' && (firestore !== undefined || hasFetcher)) {
    const problem = 'is empty: a device that chooses its id could name any key of that Redis; leave it out, or set one';
    issues.push({ path: 'lookup.redis.keyPrefix', problem });
  }
  return issues;
}
