import * as v from 'valibot';
import { setting } from '../../config/schemas.ts';
import { archiveSchema, bucketSchema } from '../../connectors/storage/config.ts';
import { identitySchema } from '../../formats/identity.ts';
import { consumerEntries, consumerWarnings, waitWarnings } from '../config.ts';
import type { ServiceSettings } from '../define-service.ts';

/** Configuration of an icestore service: Pub/Sub to Cloud Storage. */
export const icestoreSchema = v.strictObject({
  service: setting(v.literal('icestore'), 'Selects this service.'),
  ...consumerEntries,
  identity: v.optional(identitySchema, {}),
  bucket: bucketSchema,
  archive: v.optional(archiveSchema, {}),
});

export type IcestoreConfig = v.InferOutput<typeof icestoreSchema>;

export const settings = {
  name: 'icestore',
  schema: icestoreSchema,
  hooks: ['batchKey'] as const,
  warnings: (config, hooks) => {
    const { archive, source } = config;
    const warnings = consumerWarnings(config);
    if (archive.acceptTestTime) {
      warnings.push(
        hooks.batchKey === undefined
          ? 'archive.acceptTestTime: any publisher can choose the day that a message is filed under; use it only for tests'
          : 'archive.acceptTestTime: has no effect, because the hook "batchKey" names the groups',
      );
    }
    if (source.maxInFlight < 2 * archive.maxLines) {
      warnings.push(
        `source.maxInFlight (${source.maxInFlight}) is below twice archive.maxLines (${archive.maxLines}), and shared by all groups: objects are written when credit is used up, with fewer lines`,
      );
    }
    return [...warnings, ...waitWarnings(config, 'archive.maxAgeMs', archive.maxAgeMs)];
  },
} satisfies ServiceSettings<IcestoreConfig>;
