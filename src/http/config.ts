import * as v from 'valibot';
import { count, flag, secret, setting, text } from '../config/schemas.ts';

/** The HTTP server of a service: health, metrics and the live page. */
export const httpSchema = v.strictObject({
  host: setting(v.optional(text, '0.0.0.0'), 'Address that serves health, metrics and the live page.'),
  port: setting(
    v.optional(count({ min: 0, max: 65_535 }), 8080),
    'Port that serves health, metrics and the live page. 0 selects a free one, which is logged.',
  ),
  page: setting(
    v.optional(flag, true),
    'Serves the live page at `/`. `false` turns off the page and `tap`, but not health and metrics.',
  ),
  token: setting(
    v.optional(secret),
    'Shows message contents (`tap`, previews, texts of errors) to clients on other machines that send ' +
      '`Authorization: Bearer <token>`. The page prompts for it.',
    { example: 'a-long-random-text', unset: 'contents are shown on the same machine only' },
  ),
});

export type HttpConfig = v.InferOutput<typeof httpSchema>;
