import * as v from 'valibot';
import { isJsonObject, type JsonObject, readFields } from './json-object.ts';
import type { Resource } from './resource.ts';
import { invalid, StorageError } from './storage-error.ts';
import { timestamp } from './timestamp.ts';

/** An object under a bucket's retention policy, its own retention configuration, or a hold. */
interface Retained {
  readonly resource: Resource;
  /** Start of the bucket's period, in milliseconds since 1970: creation, or the release of an event-based hold. */
  readonly retainedFrom: number;
}

const MAX_PERIOD_SECONDS = 3_155_760_000;

/** A bucket's retention policy as a caller sets it. https://cloud.google.com/storage/docs/bucket-lock */
export const retentionPolicySchema = v.object({
  retentionPeriod: v.pipe(
    v.union([v.string(), v.number()]),
    v.transform(Number),
    v.integer(),
    v.minValue(1),
    v.maxValue(MAX_PERIOD_SECONDS),
  ),
});

/** Returns a bucket's policy after a change; a locked one can be neither shortened nor removed. */
export function decideRetentionPolicy(
  name: string,
  given: v.InferOutput<typeof retentionPolicySchema> | undefined,
  previous: unknown,
  effectiveTime: string,
): JsonObject | undefined {
  const before = isJsonObject(previous) ? previous : undefined;
  if (given === undefined) {
    if (before?.isLocked !== true) return undefined;
    throw new StorageError(
      403,
      'retentionPolicyNotMet',
      `Bucket '${name}' has a locked Retention Policy which cannot be removed.`,
    );
  }
  const retentionPeriod = String(given.retentionPeriod);
  if (before?.retentionPeriod === retentionPeriod) return before;
  if (before?.isLocked === true && given.retentionPeriod < Number(before.retentionPeriod)) {
    throw new StorageError(
      400,
      'badRequestException',
      `Cannot reduce retention duration of a locked Retention Policy for bucket '${name}'.`,
    );
  }
  return { ...before, retentionPeriod, effectiveTime };
}

const retentionSchema = v.object({
  mode: v.picklist(['Unlocked', 'Locked']),
  retainUntilTime: timestamp,
});

export type Retention = v.InferOutput<typeof retentionSchema>;

/**
 * Returns an object's retention configuration after a change to `given`: undefined keeps it, null (or null in both
 * fields) removes it. Weakening or locking one needs `override`. https://cloud.google.com/storage/docs/object-lock
 */
export function decideRetention(
  given: unknown,
  previous: unknown,
  { now, isEnabled, override }: { now: number; isEnabled: boolean; override: boolean },
): Retention | undefined {
  const before = isJsonObject(previous) ? readFields(retentionSchema, previous) : undefined;
  if (given === undefined || (isJsonObject(given) && Object.keys(given).length === 0)) return before;
  const isRemoved = given === null || (isJsonObject(given) && Object.values(given).every((value) => value === null));
  const after = isRemoved ? undefined : readFields(retentionSchema, isJsonObject(given) ? given : {});
  if (after !== undefined) {
    if (!isEnabled) throw invalid('Object retention is not enabled for the bucket.');
    if (Date.parse(after.retainUntilTime) <= now) throw invalid('The retain-until time must be in the future.');
  }
  if (before !== undefined) checkChange(before, after, override);
  return after && { ...after, retainUntilTime: new Date(after.retainUntilTime).toISOString() };
}

function checkChange(before: Retention, after: Retention | undefined, override: boolean): void {
  const weakens = after === undefined || Date.parse(after.retainUntilTime) < Date.parse(before.retainUntilTime);
  const changesMode = after !== undefined && after.mode !== before.mode;
  if (!weakens && !changesMode) return;
  if (before.mode === 'Unlocked' && override) return;
  throw new StorageError(
    403,
    'forbidden',
    before.mode === 'Locked'
      ? 'The retention of a locked object cannot be removed, shortened or unlocked.'
      : 'Removing, shortening or locking the retention of an object needs overrideUnlockedRetention=true.',
  );
}

/** Returns when an object may be deleted, in milliseconds since 1970; undefined while an event-based hold defers it. */
export function retentionExpiration({ resource, retainedFrom }: Retained, bucket: Resource): number | undefined {
  const ends: number[] = [];
  const { retentionPolicy } = bucket;
  if (isJsonObject(retentionPolicy)) {
    if (resource.eventBasedHold === true) return undefined;
    ends.push(retainedFrom + Number(retentionPolicy.retentionPeriod) * 1000);
  }
  if (isJsonObject(resource.retention)) ends.push(Date.parse(String(resource.retention.retainUntilTime)));
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** Throws 403 if a hold prevents deleting or replacing an object. https://cloud.google.com/storage/docs/object-holds */
export function checkHolds({ resource }: Retained, bucket: Resource): void {
  const kind = resource.temporaryHold === true ? 'Temporary' : resource.eventBasedHold === true ? 'Event-Based' : '';
  if (kind === '') return;
  throw new StorageError(
    403,
    'objectUnderActiveHold',
    `Object '${bucket.name}/${resource.name}' is under active ${kind} hold and cannot be deleted, overwritten or archived until hold is removed.`,
  );
}

/** Throws 403 before an object may be deleted. */
export function checkRetention(object: Retained, bucket: Resource, now: number): void {
  const end = retentionExpiration(object, bucket) ?? 0;
  if (end <= now) return;
  throw new StorageError(
    403,
    'retentionPolicyNotMet',
    `Object '${bucket.name}/${object.resource.name}' is subject to bucket's retention policy or object retention and cannot be deleted or overwritten until ${new Date(end).toISOString()}`,
  );
}
