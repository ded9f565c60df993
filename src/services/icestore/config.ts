import * as v from 'valibot';
import { setting } from '../../config/schemas.ts';
import { identitySchema } from '../../sinks/identity.ts';
import { archiveSchema, bucketSchema } from '../../sinks/storage/config.ts';
import { consumerEntries } from '../config.ts';

/** Configuration of an icestore service: Pub/Sub to Cloud Storage. */
export const icestoreSchema = v.strictObject({
  service: setting(v.literal('icestore'), 'Selects this service.'),
  ...consumerEntries,
  identity: v.optional(identitySchema, {}),
  bucket: bucketSchema,
  archive: v.optional(archiveSchema, {}),
});

export type IcestoreConfig = v.InferOutput<typeof icestoreSchema>;
