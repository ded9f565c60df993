import * as v from 'valibot';
import { compilePath } from '../core/message-path.ts';

/** A whole number of milliseconds; `${ENV}` gives text, so digits in text count too. */
export function milliseconds({ min = 0, max = 2 ** 31 - 1 }: { min?: number; max?: number } = {}) {
  return wholeNumber(min, max);
}

/** How many of something: at least 1, unless said otherwise. */
export function count({ min = 1, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return wholeNumber(min, max);
}

/** A size in bytes. */
export function bytes({ min = 1, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return wholeNumber(min, max);
}

function wholeNumber(min: number, max: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
}

/** A text that may not be empty. */
export const text = v.pipe(v.string(), v.nonEmpty());

/** A text that logs, errors and printed configurations mask. */
export const secret = v.pipe(v.string(), v.nonEmpty(), v.metadata({ secret: true }));

/** `true` or `false`. */
export const flag = v.boolean();

/** A path into a message: `payload.id`, `attributes.uid`, `enrichmentData.DeviceID`, `metadata.id` … */
export const messagePath = v.pipe(
  v.string(),
  v.check(
    (path) => compilePath(path) !== undefined,
    'expected a path that begins with payload, enrichmentData, attributes or metadata, such as payload.device.id',
  ),
);
