import * as v from 'valibot';
import { setting } from '../../config/schemas.ts';
import { insertSchema, tableSchema } from '../../connectors/bigquery/config.ts';
import { identitySchema } from '../../formats/identity.ts';
import { consumerEntries } from '../config.ts';

/** Configuration of a bigqueries service: Pub/Sub to BigQuery. */
export const bigqueriesSchema = v.strictObject({
  service: setting(v.literal('bigqueries'), 'Selects this service.'),
  ...consumerEntries,
  identity: v.optional(identitySchema, {}),
  table: tableSchema,
  insert: v.optional(insertSchema, {}),
});

export type BigQueriesConfig = v.InferOutput<typeof bigqueriesSchema>;
