import type { Storage } from '@google-cloud/storage';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import type { Check } from './finding.ts';
import { ANSWER_WITHIN_MS, checkPermissions, lookedAt } from './google-calls.ts';

export interface ExaminedBucket {
  readonly name: string;
  readonly setting: string;
  readonly remedy: string;
  /** True if the service creates it if it is missing. */
  readonly isCreated: boolean;
}

/** Checks a bucket that a service writes objects to. */
export function bucketCheck(storage: Storage, { name, setting, remedy, isCreated }: ExaminedBucket): Check {
  const bucket = storage.bucket(name);
  return {
    part: `bucket ${name}`,
    run: async (report) => {
      let isMissing = false;
      const found = await lookedAt(
        report,
        {
          permission: 'storage.buckets.get',
          role: 'roles/storage.legacyBucketReader',
          unchecked: 'whether it exists',
          onMissing: () => {
            isMissing = true;
            if (isCreated) report('note', `does not exist yet: the service creates it (${setting})`);
            else report('error', `does not exist (${setting})`, remedy);
          },
        },
        async () => (await answerOf('buckets.get', () => bucket.getMetadata(), ANSWER_WITHIN_MS))[0],
      );
      if (isMissing) return;
      if (found !== undefined) report('ok', `exists (${setting}), in ${found.location ?? 'an unknown location'}`);
      await checkPermissions(
        report,
        [
          {
            permission: 'storage.objects.create',
            role: 'roles/storage.objectCreator',
            purpose: 'no object can be written',
          },
          {
            permission: 'storage.objects.get',
            role: 'roles/storage.objectViewer',
            purpose: 'if a response is lost, the object is written a second time, because the first cannot be read',
            isOptional: true,
          },
        ],
        async (permissions) => {
          const [held] = await answerOf(
            'buckets.testIamPermissions',
            () => bucket.iam.testPermissions([...permissions]),
            ANSWER_WITHIN_MS,
          );
          return permissions.filter((permission) => held?.[permission] === true);
        },
      );
    },
  };
}
