import { invalidArgument } from './rpc-error.ts';

const DATABASE = /^projects\/[^/]+\/databases\/[^/]+$/;
const MAX_ID_BYTES = 1500;

/** Throws unless `id` may name a collection or document: 1 to 1,500 bytes, not `.` or `..`, not `__…__`. */
export function checkId(id: string): void {
  if (id === '') throw invalidArgument('A resource id is empty.');
  if (id === '.' || id === '..') throw invalidArgument(`Resource id "${id}" is invalid.`);
  if (/^__.*__$/s.test(id)) throw invalidArgument(`Resource id "${id}" is invalid because it is reserved.`);
  if (Buffer.byteLength(id) > MAX_ID_BYTES) {
    throw invalidArgument('The key path element name is longer than 1500 bytes.');
  }
}

/** Splits a name below `projects/…/databases/…/documents` into the database and the ids. */
function split(name: string): { database: string; ids: string[] } {
  const [projects, project, databases, databaseId, documents, ...ids] = name.split('/');
  const database = `${projects}/${project}/${databases}/${databaseId}`;
  if (!DATABASE.test(database) || documents !== 'documents') {
    throw invalidArgument(`Document name "${name}" is not below projects/{project}/databases/{database}/documents.`);
  }
  for (const id of ids) checkId(id);
  return { database, ids };
}

/**
 * Throws unless `name` names a document: an even number of ids, and below `database` where one is given.
 * https://cloud.google.com/firestore/quotas#limits
 */
export function checkDocumentName(name: string, database?: string): void {
  const { database: actual, ids } = split(name);
  if (ids.length === 0 || ids.length % 2 === 1) {
    throw invalidArgument(`Document name "${name}" lacks "/" at index ${name.length}.`);
  }
  if (database !== undefined && database !== actual) {
    throw invalidArgument(`Document name "${name}" is not in the database "${database}".`);
  }
}

/** Throws unless `parent` is a document, or the `…/documents` of a database. */
export function checkParent(parent: string): void {
  if (split(parent).ids.length % 2 === 1) throw invalidArgument(`Parent "${parent}" is not a document.`);
}

/** The ids of a document's name, collections and documents by turns. */
export function idsOf(name: string): string[] {
  return split(name).ids;
}
