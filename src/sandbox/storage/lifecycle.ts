import * as v from 'valibot';
import { storageClass } from './storage-class.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const date = v.pipe(v.string(), v.isoDate());

const actionSchema = v.variant('type', [
  v.object({ type: v.literal('Delete') }),
  v.object({ type: v.literal('AbortIncompleteMultipartUpload') }),
  v.object({ type: v.literal('SetStorageClass'), storageClass }),
]);

const conditionSchema = v.pipe(
  v.strictObject({
    age: v.optional(count),
    createdBefore: v.optional(date),
    customTimeBefore: v.optional(date),
    daysSinceCustomTime: v.optional(count),
    daysSinceNoncurrentTime: v.optional(count),
    isLive: v.optional(v.boolean()),
    matchesPattern: v.optional(v.string()),
    matchesPrefix: v.optional(v.array(v.string())),
    matchesStorageClass: v.optional(v.array(storageClass)),
    matchesSuffix: v.optional(v.array(v.string())),
    noncurrentTimeBefore: v.optional(date),
    numNewerVersions: v.optional(count),
  }),
  v.check((condition) => Object.keys(condition).length > 0, 'a rule needs a condition'),
);

/** Rules are checked, stored and shown, but have no effect. https://cloud.google.com/storage/docs/lifecycle */
export const lifecycleSchema = v.object({
  rule: v.optional(v.pipe(v.array(v.object({ action: actionSchema, condition: conditionSchema })), v.maxLength(100))),
});
