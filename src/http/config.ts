import * as v from 'valibot';
import { count, text } from '../config/schemas.ts';

/** Where health and metrics are served. */
export const httpSchema = v.strictObject({
  host: v.optional(text, '0.0.0.0'),
  /** 0 picks a free port; the service says which. */
  port: v.optional(count({ min: 0, max: 65_535 }), 8080),
});

export type HttpConfig = v.InferOutput<typeof httpSchema>;
