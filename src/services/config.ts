import * as v from 'valibot';
import { googleSchema } from '../clients/google-config.ts';
import { milliseconds } from '../config/schemas.ts';
import { httpSchema } from '../http/config.ts';
import { hooksSchema } from '../operators/apply-hook.ts';
import { inputSchema } from '../operators/decode-input.ts';
import { resourcesSchema } from '../provision/config.ts';
import { deadLettersSchema } from '../sinks/dead-letters/config.ts';
import { pubsubSourceSchema } from '../sources/pubsub/config.ts';

/** Settings that every service has. */
export const commonEntries = {
  google: googleSchema,
  http: v.optional(httpSchema, {}),
  log: v.optional(
    v.strictObject({
      level: v.optional(v.picklist(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'info'),
    }),
    {},
  ),
  /** Of `enricher`, `keyExtractor`, `fetcher` and `transformer` in the pipeline's `hooks.ts`, which may be asynchronous. */
  hooks: v.optional(hooksSchema, {}),
  shutdown: v.optional(
    v.strictObject({
      /** Time after SIGTERM for what is in flight; what is left then goes back to its source. */
      deadlineMs: v.optional(milliseconds({ min: 100 }), 25_000),
    }),
    {},
  ),
  readiness: v.optional(
    v.strictObject({
      /** Red when messages are in flight and none has been settled for so long. */
      stalledAfterMs: v.optional(milliseconds({ min: 1_000 }), 120_000),
    }),
    {},
  ),
  /** For the commands `provision` and `teardown`; a running service does not read it. */
  resources: v.optional(resourcesSchema),
};

/** Settings of the three services that consume Pub/Sub. */
export const consumerEntries = {
  ...commonEntries,
  source: pubsubSourceSchema,
  input: v.optional(inputSchema, 'envelope'),
  /** Without it a poisoned message goes back to its subscription, and comes again. */
  deadLetters: v.optional(deadLettersSchema),
};

/** What the shell of a service reads of its configuration. */
export type CommonConfig = v.InferOutput<v.StrictObjectSchema<typeof commonEntries, undefined>>;
