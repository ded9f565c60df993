import * as v from 'valibot';
import { setting } from '../../config/schemas.ts';
import { archiveSchema, bucketSchema } from '../../connectors/storage/config.ts';
import { identitySchema } from '../../formats/identity.ts';
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
