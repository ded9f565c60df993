import * as v from 'valibot';
import { encryptionSchema } from './encryption.ts';
import { isJsonObject, type JsonObject, mergePatch, readFields } from './json-object.ts';
import { lifecycleSchema } from './lifecycle.ts';
import { decideRetentionPolicy, retentionPolicySchema } from './retention.ts';
import { storageClass } from './storage-class.ts';
import { badRequest, invalid, notImplemented } from './storage-error.ts';

const LABEL_KEY = /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u;
const LABEL_VALUE = /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u;
const MAX_LABELS = 64;

const MULTI_REGIONS = ['US', 'EU', 'ASIA'];
const DUAL_REGIONS = ['NAM4', 'EUR4', 'EUR5', 'EUR7', 'EUR8', 'ASIA1'];
/** The form of a region's name: `EUROPE-WEST1`, `ME-CENTRAL2`, `U-FRANCE-EAST1`. */
const REGION = /^[A-Z]+(?:-[A-Z]+)+\d{1,2}$/;

const enabled = v.object({ enabled: v.optional(v.boolean(), false) });

/** The bucket settings that a caller may set. Others are dropped, as by the service. */
const bucketSchema = v.object({
  storageClass: v.optional(storageClass, 'STANDARD'),
  location: v.optional(
    v.pipe(v.string(), v.toUpperCase(), v.check(isLocation, 'The specified location constraint is not valid.')),
    'US',
  ),
  rpo: v.optional(v.picklist(['DEFAULT', 'ASYNC_TURBO'])),
  labels: v.optional(
    v.pipe(
      v.record(v.pipe(v.string(), v.regex(LABEL_KEY)), v.pipe(v.string(), v.regex(LABEL_VALUE))),
      v.check((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`),
    ),
  ),
  versioning: v.optional(enabled),
  billing: v.optional(v.object({ requesterPays: v.optional(v.boolean()) })),
  defaultEventBasedHold: v.optional(v.boolean()),
  retentionPolicy: v.optional(retentionPolicySchema),
  softDeletePolicy: v.optional(
    v.object({ retentionDurationSeconds: v.optional(v.pipe(v.union([v.string(), v.number()]), v.transform(Number))) }),
  ),
  lifecycle: v.optional(lifecycleSchema),
  encryption: v.optional(encryptionSchema),
  iamConfiguration: v.optional(
    v.object({
      uniformBucketLevelAccess: v.optional(enabled),
      publicAccessPrevention: v.optional(v.picklist(['inherited', 'enforced']), 'inherited'),
    }),
  ),
  autoclass: v.optional(
    v.object({
      enabled: v.optional(v.boolean(), false),
      terminalStorageClass: v.optional(v.picklist(['NEARLINE', 'ARCHIVE'])),
    }),
  ),
  cors: v.optional(
    v.array(
      v.object({
        origin: v.optional(v.array(v.string())),
        method: v.optional(v.array(v.string())),
        responseHeader: v.optional(v.array(v.string())),
        maxAgeSeconds: v.optional(v.number()),
      }),
    ),
  ),
  website: v.optional(v.object({ mainPageSuffix: v.optional(v.string()), notFoundPage: v.optional(v.string()) })),
});

function isLocation(location: string): boolean {
  return MULTI_REGIONS.includes(location) || DUAL_REGIONS.includes(location) || REGION.test(location);
}

function locationType(location: string): string {
  if (MULTI_REGIONS.includes(location)) return 'multi-region';
  return DUAL_REGIONS.includes(location) ? 'dual-region' : 'region';
}

/** Refuses settings that would change a bucket in ways that the sandbox does not support. */
function refuseUnsupported(settings: JsonObject): void {
  for (const name of ['acl', 'customPlacementConfig', 'defaultObjectAcl', 'ipFilter', 'logging']) {
    if (settings[name] !== undefined) throw notImplemented(`the bucket setting ${name}`);
  }
  const { encryption, hierarchicalNamespace } = settings;
  if (isJsonObject(encryption) && encryption.defaultKmsKeyName !== undefined) throw notImplemented('Cloud KMS keys');
  if (isJsonObject(hierarchicalNamespace) && hierarchicalNamespace.enabled === true) {
    throw notImplemented('hierarchical namespaces');
  }
}

/** Reads `bucketPolicyOnly`, the older name of uniform access, if a patch has only that. */
function withUniformAccess(patch: JsonObject): JsonObject {
  const { iamConfiguration } = patch;
  if (!isJsonObject(iamConfiguration) || iamConfiguration.uniformBucketLevelAccess !== undefined) return patch;
  const { bucketPolicyOnly } = iamConfiguration;
  if (bucketPolicyOnly === undefined) return patch;
  return { ...patch, iamConfiguration: { ...iamConfiguration, uniformBucketLevelAccess: bucketPolicyOnly } };
}

const LOCK_DAYS = 90;

function decideIamConfiguration(given: Settings['iamConfiguration'], previous: unknown, now: number): JsonObject {
  const isUniform = given?.uniformBucketLevelAccess?.enabled ?? false;
  const before = isJsonObject(previous) ? previous.uniformBucketLevelAccess : undefined;
  const lockedTime = isJsonObject(before) ? before.lockedTime : undefined;
  if (!isUniform && typeof lockedTime === 'string' && Date.parse(lockedTime) <= now) {
    throw badRequest('Cannot disable uniform bucket-level access after its locked time.');
  }
  const fresh = new Date(now + LOCK_DAYS * 86_400_000).toISOString();
  const uniformBucketLevelAccess = isUniform ? { enabled: true, lockedTime: lockedTime ?? fresh } : { enabled: false };
  return {
    uniformBucketLevelAccess,
    bucketPolicyOnly: uniformBucketLevelAccess,
    publicAccessPrevention: given?.publicAccessPrevention ?? 'inherited',
  };
}

type Settings = v.InferOutput<typeof bucketSchema>;

function decideEncryption(given: Settings['encryption'], previous: unknown, effectiveTime: string): JsonObject {
  const before = isJsonObject(previous) ? previous : {};
  const decided = Object.entries(given ?? {}).map(([kind, config]) => {
    const old = before[kind];
    const isSame = isJsonObject(old) && old.restrictionMode === config?.restrictionMode;
    return [kind, isSame ? old : { ...config, effectiveTime }];
  });
  return Object.fromEntries(decided);
}

/**
 * Returns the checked settings of a bucket after `patch`, with what the service adds. `previous` is the current bucket,
 * empty for a new one.
 */
export function decideBucketFields(name: string, patch: JsonObject, previous: JsonObject, now: number): JsonObject {
  refuseUnsupported(mergePatch({}, patch));
  const settings = readFields(bucketSchema, mergePatch(previous, withUniformAccess(patch)));
  if (previous.location !== undefined && previous.location !== settings.location) {
    throw invalid('The location of a bucket cannot be changed.');
  }
  if (settings.rpo === 'ASYNC_TURBO' && locationType(settings.location) !== 'dual-region') {
    throw invalid('Turbo replication needs a dual-region.');
  }
  if (settings.softDeletePolicy?.retentionDurationSeconds) throw notImplemented('soft delete');
  if (settings.autoclass?.enabled) throw notImplemented('Autoclass');
  const time = new Date(now).toISOString();
  const effectiveTime = isJsonObject(previous.softDeletePolicy) ? previous.softDeletePolicy.effectiveTime : time;
  return {
    ...settings,
    locationType: locationType(settings.location),
    rpo: settings.rpo ?? (locationType(settings.location) === 'region' ? undefined : 'DEFAULT'),
    iamConfiguration: decideIamConfiguration(settings.iamConfiguration, previous.iamConfiguration, now),
    retentionPolicy: decideRetentionPolicy(name, settings.retentionPolicy, previous.retentionPolicy, time),
    softDeletePolicy: { retentionDurationSeconds: '0', effectiveTime },
    encryption: settings.encryption && decideEncryption(settings.encryption, previous.encryption, time),
    labels: settings.labels,
    versioning: settings.versioning,
    billing: settings.billing,
    defaultEventBasedHold: settings.defaultEventBasedHold,
    lifecycle: settings.lifecycle?.rule?.length ? settings.lifecycle : undefined,
    autoclass: settings.autoclass,
    cors: settings.cors,
    website: settings.website,
  };
}

/** Returns whether access is by IAM alone, which refuses ACLs. */
export function isUniform({ iamConfiguration }: JsonObject): boolean {
  const uniform = isJsonObject(iamConfiguration) ? iamConfiguration.uniformBucketLevelAccess : undefined;
  return isJsonObject(uniform) && uniform.enabled === true;
}

export const isVersioned = ({ versioning }: JsonObject): boolean =>
  isJsonObject(versioning) && versioning.enabled === true;
