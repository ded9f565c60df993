import * as v from 'valibot';
import { bytes, count, flag, milliseconds, secret, text } from '../config/schemas.ts';

/** Settings of the lookup chain: memory → Redis → Firestore; each layer is there if it is configured. */
export const lookupSchema = v.pipe(
  v.strictObject({
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
    redis: v.optional(
      v.strictObject({
        /** `redis://[user[:password]@]host:port[/db]` or `rediss://…` for TLS. */
        url: v.pipe(v.string(), v.regex(/^rediss?:\/\/.+/, 'expected an address such as redis://host:6379')),
        password: v.optional(secret),
        db: v.optional(count({ min: 0, max: 1_000 })),
        keyPrefix: v.optional(v.string(), ''),
        ttlMs: v.optional(milliseconds({ min: 1 }), 7_200_000),
        /** After this, Redis is skipped for the lookup at hand. */
        timeoutMs: v.optional(milliseconds({ min: 1 }), 500),
        insecureSkipVerify: v.optional(flag, false),
      }),
    ),
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
  }),
  v.check(
    (lookup) => lookup.redis !== undefined || lookup.firestore !== undefined,
    'expected at least redis or firestore: memory alone has nothing to answer with',
  ),
);

export type LookupConfig = v.InferOutput<typeof lookupSchema>;
