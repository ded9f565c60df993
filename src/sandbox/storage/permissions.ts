import type { MethodPermissions, Permissions } from '../permissions.ts';
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

/** All permissions that a method may need, some only for certain calls. */
export const STORAGE_PERMISSIONS = {
  'storage.buckets.insert': ['storage.buckets.create', 'storage.buckets.enableObjectRetention'],
  'storage.buckets.list': ['storage.buckets.list'],
  'storage.buckets.get': ['storage.buckets.get'],
  'storage.buckets.patch': ['storage.buckets.update'],
  'storage.buckets.delete': ['storage.buckets.delete'],
  'storage.buckets.lockRetentionPolicy': ['storage.buckets.update'],
  'storage.buckets.testIamPermissions': [],
  'storage.objects.list': ['storage.objects.list'],
  'storage.objects.get': ['storage.objects.get'],
  'storage.objects.patch': [
    'storage.objects.update',
    'storage.objects.setRetention',
    'storage.objects.overrideUnlockedRetention',
  ],
  'storage.objects.delete': ['storage.objects.delete'],
  'storage.objects.insert': ['storage.objects.create', 'storage.objects.delete', 'storage.objects.setRetention'],
} as const satisfies MethodPermissions & Readonly<Record<string, readonly Permission[]>>;

/** Creates the permission check of one call. A permission is denied by its own name, or by the name of the method. */
export function requireBy(permissions: Permissions, method: string): Require {
  return (permission) => {
    if (permissions.check(method, [permission]) !== undefined) throw forbidden(permission, resourceOf(permission));
  };
}

function resourceOf(permission: Permission) {
  if (permission === 'storage.buckets.create' || permission === 'storage.buckets.list') return 'project';
  if (permission === 'storage.objects.list' || permission.startsWith('storage.buckets.')) return 'bucket';
  return 'object';
}
