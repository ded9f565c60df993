import { forbidden } from './storage-error.ts';

export type Require = (permission: Permission) => void;

/** https://cloud.google.com/storage/docs/access-control/iam-json */
export type Permission =
  | 'storage.buckets.create'
  | 'storage.buckets.delete'
  | 'storage.buckets.enableObjectRetention'
  | 'storage.buckets.get'
  | 'storage.buckets.list'
  | 'storage.buckets.update'
  | 'storage.objects.create'
  | 'storage.objects.delete'
  | 'storage.objects.get'
  | 'storage.objects.list'
  | 'storage.objects.overrideUnlockedRetention'
  | 'storage.objects.setRetention'
  | 'storage.objects.update';

/** Called with an IAM permission (`storage.objects.create`) or a method (`storage.objects.insert`). */
export type IsDenied = (name: string) => boolean;

/** Creates the check of one call. A permission is denied by its own name, or by the name of the method that needs it. */
export function requireBy(isDenied: IsDenied, method: string): Require {
  return (permission) => {
    if (isDenied(permission) || (method !== permission && isDenied(method))) {
      throw forbidden(permission, resourceOf(permission));
    }
  };
}

function resourceOf(permission: Permission) {
  if (permission === 'storage.buckets.create' || permission === 'storage.buckets.list') return 'project';
  if (permission === 'storage.objects.list' || permission.startsWith('storage.buckets.')) return 'bucket';
  return 'object';
}
