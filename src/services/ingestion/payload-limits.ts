import * as v from 'valibot';
import { bytes } from '../../config/schemas.ts';

/** Sizes of payloads that a route takes. */
export const payloadLimitsSchema = v.pipe(
  v.strictObject({
    minBytes: v.optional(bytes({ min: 0 }), 0),
    /** Default: no limit but `mqtt.maxPayloadBytes`. */
    maxBytes: v.optional(bytes({ min: 0 })),
    /** `deadLetter` sends other payloads to dead-letter (`too_small`, `too_large`); `drop` acknowledges and counts them. */
    outside: v.optional(v.picklist(['deadLetter', 'drop']), 'deadLetter'),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    const { minBytes, maxBytes } = dataset.value;
    if (maxBytes !== undefined && minBytes > maxBytes) {
      addIssue({ message: `minBytes (${minBytes}) is above maxBytes (${maxBytes}): no payload would be taken` });
    }
  }),
);

export type PayloadLimits = v.InferOutput<typeof payloadLimitsSchema>;
