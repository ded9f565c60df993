import * as v from 'valibot';
import { readableFile, text } from '../config/schemas.ts';

/** How to reach Google Cloud: Application Default Credentials, unless a key file is named. */
export const googleSchema = v.strictObject({
  projectId: text,
  /** Path of a service account's key file. Default: Application Default Credentials. */
  keyFilename: v.optional(readableFile),
});

export type GoogleConfig = v.InferOutput<typeof googleSchema>;
