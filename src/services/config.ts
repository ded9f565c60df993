import * as v from 'valibot';
import { fraction, httpAddress, milliseconds, setting } from '../config/schemas.ts';
import { googleSchema } from '../connectors/google/google-config.ts';
import { pubsubSourceSchema } from '../connectors/pubsub/config.ts';
import { deadLettersSchema } from '../dead-letters/config.ts';
import { httpSchema } from '../http/config.ts';
import { hooksSchema } from '../operators/apply-hook.ts';
import { inputSchema } from '../operators/decode-input.ts';
import { resourcesSchema } from '../resources/config.ts';
import { LOG_FORMATS } from '../telemetry/log-format.ts';

/** Settings of every service. */
export const commonEntries = {
  google: googleSchema,
  http: v.optional(httpSchema, {}),
  log: v.optional(
    v.strictObject({
      level: setting(
        v.optional(v.picklist(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'info'),
        'Lowest severity of log lines that are written.',
      ),
      format: setting(
        v.optional(v.picklist(LOG_FORMATS), 'auto'),
        'Format of log lines: `json`, `pretty` (for people) or `google` (JSON of Cloud Logging, on standard output). ' +
          '`auto` is `google` on Cloud Run and on GKE, `pretty` on a terminal, else `json`.',
      ),
    }),
    {},
  ),
  traces: v.optional(
    v.strictObject({
      endpoint: setting(
        v.optional(httpAddress),
        'Address of an OpenTelemetry collector that accepts OTLP over HTTP. See [traces](traces.md).',
        { example: 'http://127.0.0.1:4318', unset: 'no traces' },
      ),
      ratio: setting(
        v.optional(fraction, 0.01),
        'Share of messages that start a trace, from 0 to 1, of those that do not continue one.',
      ),
    }),
    {},
  ),
  /**
   * Settings of the hooks that may be asynchronous: `enricher`, `keyExtractor`, `fetcher` and `transformer` in
   * `hooks.ts`.
   */
  hooks: v.optional(hooksSchema, {}),
  shutdown: v.optional(
    v.strictObject({
      deadlineMs: setting(
        v.optional(milliseconds({ min: 100 }), 25_000),
        'Time after SIGTERM for messages in flight. The rest then goes back to its source, and the process ends 2 ' +
          's later.',
      ),
    }),
    {},
  ),
  readiness: v.optional(
    v.strictObject({
      stalledAfterMs: setting(
        v.optional(milliseconds({ min: 1_000 }), 120_000),
        '`/readyz` is red if messages are in flight and none has been settled for this time.',
      ),
    }),
    {},
  ),
  /** Used by the commands `provision` and `teardown`; a running service ignores it. */
  resources: v.optional(resourcesSchema),
};

/** Settings of the three services that consume Pub/Sub. */
export const consumerEntries = {
  ...commonEntries,
  source: pubsubSourceSchema,
  input: setting(
    v.optional(inputSchema, 'envelope'),
    'Format of the data of each Pub/Sub message: `envelope` (a malformed one is dead-lettered), `raw` (the data ' +
      'is the payload), or `auto` (data that is not an envelope is raw).',
  ),
  /** Without it, a poisoned message goes back to its subscription and is redelivered. */
  deadLetters: v.optional(deadLettersSchema),
};

/** The parsed settings of every service. */
export type CommonConfig = v.InferOutput<v.StrictObjectSchema<typeof commonEntries, undefined>>;

type ConsumerConfig = v.InferOutput<v.StrictObjectSchema<typeof consumerEntries, undefined>>;

/** Returns warnings about allowed but probably unintended settings of services that consume Pub/Sub. */
export function consumerWarnings({ deadLetters }: ConsumerConfig): string[] {
  if (deadLetters !== undefined) return [];
  return ['deadLetters: not set; a poisoned message will go back to its subscription and be redelivered forever'];
}

/**
 * Returns warnings about a setting that makes messages wait longer than their lease, or than the service may be idle.
 */
export function waitWarnings({ source, readiness }: ConsumerConfig, setting: string, waitMs: number): string[] {
  const warnings: string[] = [];
  if (waitMs >= source.maxLeaseMs) {
    warnings.push(
      `${setting} (${waitMs}) is not below source.maxLeaseMs (${source.maxLeaseMs}): messages expire before they are written, and are redelivered`,
    );
  }
  if (waitMs >= readiness.stalledAfterMs) {
    warnings.push(
      `${setting} (${waitMs}) is not below readiness.stalledAfterMs (${readiness.stalledAfterMs}): a quiet service turns red while it waits`,
    );
  }
  return warnings;
}
