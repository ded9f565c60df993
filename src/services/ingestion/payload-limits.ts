import * as v from 'valibot';
import { bytes, setting } from '../../config/schemas.ts';

/** Payload sizes that a route accepts. */
export const payloadLimitsSchema = v.pipe(
  v.strictObject({
    minBytes: setting(v.optional(bytes({ min: 0 }), 0), 'Smallest payload that the route accepts.'),
    maxBytes: setting(v.optional(bytes({ min: 0 })), 'Largest payload that the route accepts.', {
      example: 65_536,
      unset: 'only `mqtt.maxPayloadBytes`',
    }),
    outside: setting(
      v.optional(v.picklist(['deadLetter', 'drop']), 'deadLetter'),
      'Handling of other payloads: `deadLetter` (`too_small`, `too_large`), or `drop` (acknowledged and counted).',
    ),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    const { minBytes, maxBytes } = dataset.value;
    if (maxBytes !== undefined && minBytes > maxBytes) {
      addIssue({ message: `minBytes (${minBytes}) is above maxBytes (${maxBytes}): no payload would be accepted` });
    }
  }),
);

export type PayloadLimits = v.InferOutput<typeof payloadLimitsSchema>;
