import type { MethodPermissions } from '../permissions.ts';
import type { FirestoreRequest, Write } from './messages.ts';

/** All permissions that a method may need, https://cloud.google.com/firestore/docs/security/iam#required_permissions */
export const FIRESTORE_PERMISSIONS = {
  GetDocument: ['datastore.entities.get'],
  BatchGetDocuments: ['datastore.entities.get'],
  ListDocuments: ['datastore.entities.get', 'datastore.entities.list'],
  CreateDocument: ['datastore.entities.create'],
  UpdateDocument: ['datastore.entities.update', 'datastore.entities.create'],
  DeleteDocument: ['datastore.entities.delete'],
  Commit: ['datastore.entities.update', 'datastore.entities.create', 'datastore.entities.delete'],
  BatchWrite: ['datastore.entities.update', 'datastore.entities.create', 'datastore.entities.delete'],
} as const satisfies MethodPermissions;

/** Returns the permissions of one write; one that may create or update a document needs both. */
function neededBy({ delete: deleted, currentDocument }: Pick<Write, 'delete' | 'currentDocument'>): string[] {
  if (deleted) return ['datastore.entities.delete'];
  if (currentDocument?.exists === false) return ['datastore.entities.create'];
  if (currentDocument?.exists === true || currentDocument?.updateTime) return ['datastore.entities.update'];
  return ['datastore.entities.update', 'datastore.entities.create'];
}

/** Returns the permissions of this call; a writing method needs those of its writes. */
export function permissionsOf(method: string, request: FirestoreRequest): readonly string[] {
  if (method === 'Commit' || method === 'BatchWrite') return (request.writes ?? []).flatMap(neededBy);
  if (method === 'UpdateDocument') return neededBy({ currentDocument: request.currentDocument ?? null });
  const needed: MethodPermissions = FIRESTORE_PERMISSIONS;
  return needed[method] ?? [];
}
