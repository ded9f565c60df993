import * as v from 'valibot';
import { count, setting, text } from '../config/schemas.ts';

/** The address of the health and metrics server. */
export const httpSchema = v.strictObject({
  host: setting(v.optional(text, '0.0.0.0'), 'Address that serves health and metrics.'),
  port: setting(
    v.optional(count({ min: 0, max: 65_535 }), 8080),
    'Port that serves health and metrics. 0 takes a free one, and the log names it.',
  ),
});

export type HttpConfig = v.InferOutput<typeof httpSchema>;
