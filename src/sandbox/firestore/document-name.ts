import { invalidArgument } from './rpc-error.ts';

const DOCUMENT = /^(projects\/[^/]+\/databases\/[^/]+)\/documents((?:\/[^/]+\/[^/]+)+)$/;
const RESERVED_ID = /^(\.|\.\.|__.*__)$/s;
const MAX_ID_BYTES = 1500;

/**
 * Returns the database of a document name. Throws unless the name is `projects/…/databases/…/documents`, followed by
 * alternating collection and document ids. https://cloud.google.com/firestore/quotas#limits
 */
export function databaseOf(name: string): string {
  const [, database, ids] = DOCUMENT.exec(name) ?? [];
  if (database === undefined || ids === undefined) throw invalidArgument(`"${name}" is not a document's name.`);
  for (const id of ids.slice(1).split('/')) {
    if (RESERVED_ID.test(id)) throw invalidArgument(`Resource id "${id}" is invalid because it is reserved.`);
    if (Buffer.byteLength(id) > MAX_ID_BYTES) throw invalidArgument(`Resource id "${id}" is longer than 1500 bytes.`);
  }
  return database;
}
