import * as v from 'valibot';
import { inputSchema } from '../../operators/decode-input.ts';
import { archiveSchema, bucketSchema } from '../../sinks/storage/config.ts';
import { pubsubSourceSchema } from '../../sources/pubsub/config.ts';
import { commonEntries, deadLettersSchema } from '../config.ts';

/** Configuration of an icestore service: Pub/Sub to Cloud Storage. */
export const icestoreSchema = v.strictObject({
  service: v.literal('icestore'),
  ...commonEntries,
  source: pubsubSourceSchema,
  input: v.optional(inputSchema, 'envelope'),
  bucket: bucketSchema,
  archive: v.optional(archiveSchema, {}),
  /** Without it a poisoned message goes back to its subscription, and comes again. */
  deadLetters: v.optional(deadLettersSchema),
});

export type IcestoreConfig = v.InferOutput<typeof icestoreSchema>;
