import * as v from 'valibot';
import { inputSchema } from '../../operators/decode-input.ts';
import { insertSchema, tableSchema } from '../../sinks/bigquery/config.ts';
import { pubsubSourceSchema } from '../../sources/pubsub/config.ts';
import { commonEntries, deadLettersSchema } from '../config.ts';

/** Configuration of a bigqueries service: Pub/Sub to BigQuery. */
export const bigqueriesSchema = v.strictObject({
  service: v.literal('bigqueries'),
  ...commonEntries,
  source: pubsubSourceSchema,
  input: v.optional(inputSchema, 'envelope'),
  table: tableSchema,
  insert: v.optional(insertSchema, {}),
  /** Without it a poisoned message goes back to its subscription, and comes again. */
  deadLetters: v.optional(deadLettersSchema),
});

export type BigQueriesConfig = v.InferOutput<typeof bigqueriesSchema>;
