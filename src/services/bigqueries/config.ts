import * as v from 'valibot';
import { setting } from '../../config/schemas.ts';
import { insertSchema, tableSchema } from '../../connectors/bigquery/config.ts';
import { identitySchema } from '../../formats/identity.ts';
import { consumerEntries, consumerWarnings, waitWarnings } from '../config.ts';
import type { ServiceSettings } from '../define-service.ts';

/** Configuration of a bigqueries service: Pub/Sub to BigQuery. */
export const bigqueriesSchema = v.strictObject({
  service: setting(v.literal('bigqueries'), 'Selects this service.'),
  ...consumerEntries,
  identity: v.optional(identitySchema, {}),
  table: tableSchema,
  insert: v.optional(insertSchema, {}),
});

export type BigQueriesConfig = v.InferOutput<typeof bigqueriesSchema>;

export const settings = {
  name: 'bigqueries',
  schema: bigqueriesSchema,
  hooks: ['transformer'] as const,
  warnings: (config) => {
    const { source, insert } = config;
    const warnings = consumerWarnings(config);
    if (source.maxInFlight < insert.maxRows) {
      warnings.push(
        `source.maxInFlight (${source.maxInFlight}) is below insert.maxRows (${insert.maxRows}): requests leave when credit is used up, with fewer rows`,
      );
    }
    return [...warnings, ...waitWarnings(config, 'insert.maxDelayMs', insert.maxDelayMs)];
  },
} satisfies ServiceSettings<BigQueriesConfig>;
