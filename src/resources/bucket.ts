import type { LifecycleRule, Storage } from '@google-cloud/storage';
import { createOnce, httpCall, httpCreate } from './cloud-call.ts';
import type { BucketResource } from './config.ts';
import { differencesOf, type Labels, type Resource } from './resource.ts';

const SETTING = 'resources.buckets';
/** Deleting takes one request per object. */
const EMPTYING_TIMEOUT_MS = 600_000;

interface BucketDetails {
  readonly labels?: Labels;
  readonly rules?: readonly LifecycleRule[];
}

/** Creates a bucket unless it exists. Rejects with the client's own error. */
export function createBucket(
  storage: Storage,
  { name, location, storageClass }: Pick<BucketResource, 'name' | 'location' | 'storageClass'>,
  { labels, rules = [] }: BucketDetails = {},
): Promise<'created' | 'exists'> {
  return createOnce('buckets.insert', () =>
    storage.createBucket(name, {
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(location === undefined ? {} : { location }),
      ...(storageClass === undefined ? {} : { storageClass }),
      ...(rules.length === 0 ? {} : { lifecycle: { rule: [...rules] } }),
    }),
  );
}

/** A bucket with the lifecycle rules of its objects. */
export function bucketResource(storage: Storage, config: BucketResource): Resource {
  const bucket = storage.bucket(config.name);
  const rules: LifecycleRule[] = config.lifecycle.map((rule) => ({
    action:
      rule.action === 'delete' ? { type: 'Delete' } : { type: 'SetStorageClass', storageClass: rule.storageClass },
    condition: { age: rule.afterDays },
  }));
  return {
    kind: 'bucket',
    name: config.name,
    look: async () => {
      const found = await httpCall(SETTING, config.name, () => bucket.getMetadata());
      if (found === undefined) return undefined;
      const [metadata] = found;
      const foundRules = (metadata.lifecycle?.rule ?? []).map(({ action, condition }) => ({ action, condition }));
      return {
        labels: textsOf(metadata.labels),
        differences: differencesOf([
          ...(config.location === undefined
            ? []
            : [['location', config.location.toUpperCase(), metadata.location] as const]),
          ...(config.storageClass === undefined
            ? []
            : [['storageClass', config.storageClass, metadata.storageClass] as const]),
          ['lifecycle', rules.map(worded), foundRules.map(worded)],
        ]),
      };
    },
    create: (labels) => httpCreate(SETTING, config.name, () => createBucket(storage, config, { labels, rules })),
    users: async () => undefined,
    contents: async () => {
      const found = await httpCall(SETTING, config.name, () => bucket.getFiles({ maxResults: 1, autoPaginate: false }));
      return (found?.[0].length ?? 0) > 0 ? 'objects' : undefined;
    },
    delete: async () => {
      await httpCall(SETTING, config.name, () => bucket.deleteFiles({ force: true }), EMPTYING_TIMEOUT_MS);
      await httpCall(SETTING, config.name, () => bucket.delete());
    },
  };
}

function worded({ action, condition }: LifecycleRule): string {
  const { storageClass = '' } = action;
  return `${action.type} ${storageClass} after ${condition.age} days`.replace('  ', ' ');
}

function textsOf(labels: Readonly<Record<string, string | null>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels ?? {}).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}
