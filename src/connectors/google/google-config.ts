import * as v from 'valibot';
import { readableFile, setting, text } from '../../config/schemas.ts';

/** Access to Google Cloud: Application Default Credentials, unless a key file is configured. */
export const googleSchema = v.strictObject({
  projectId: setting(text, 'Project of the topics, subscriptions, tables and buckets.', { example: 'my-project' }),
  keyFilename: setting(v.optional(readableFile), 'Key file of a service account.', {
    example: '/run/secrets/key.json',
    unset: 'Application Default Credentials',
  }),
});

export type GoogleConfig = v.InferOutput<typeof googleSchema>;
