import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { databaseOf } from './document-name.ts';
import { type DocumentStore, targetOf } from './document-store.ts';
import type { Document, FirestoreRequest, Write, WriteResult } from './messages.ts';
import { invalidArgument, RpcError, unimplemented } from './rpc-error.ts';

/** Answers a call with one message, or several for streaming methods. */
type Method = (store: DocumentStore, request: FirestoreRequest) => object;

const getDocument: Method = (store, { name, mask }) => {
  databaseOf(name ?? '');
  const found = store.get(name ?? '', mask);
  if (found === undefined) throw new RpcError(status.NOT_FOUND, `Document "${name}" not found.`);
  return found;
};

const batchGetDocuments: Method = (store, { documents, mask }) => {
  const readTime = store.now();
  return Array.from(new Set(documents), (name) => {
    databaseOf(name);
    const found = store.get(name, mask);
    return found === undefined ? { missing: name, readTime } : { found, readTime };
  });
};

/** Commits one write, and returns the resulting document. */
function commitOne(store: DocumentStore, write: Write): Document {
  const name = targetOf(write);
  store.commit([write], databaseOf(name));
  return store.get(name) ?? {};
}

const createDocument: Method = (store, { parent, collectionId, documentId, document }) => {
  const name = `${parent}/${collectionId}/${documentId || randomBytes(10).toString('hex')}`;
  return commitOne(store, { update: { ...document, name }, currentDocument: { exists: false } });
};

/** Applies each write separately, with a status each. A document may occur only once. */
const batchWrite: Method = (store, { database, writes }) => {
  if (new Set(writes?.map(targetOf)).size < (writes?.length ?? 0)) {
    throw invalidArgument('the same document cannot be written more than once in a single request');
  }
  const outcomes = (writes ?? []).map((write): [WriteResult, { code: number; message: string }] => {
    try {
      const [result = {}] = store.commit([write], database ?? '').writeResults;
      return [result, { code: status.OK, message: '' }];
    } catch (error) {
      if (error instanceof RpcError) return [{}, { code: error.code, message: error.message }];
      throw error;
    }
  });
  return { writeResults: outcomes.map(([result]) => result), status: outcomes.map(([, status]) => status) };
};

const DEFAULT_PAGE_SIZE = 100;

/**
 * Returns one page of a collection, ordered by the UTF-8 bytes of ids. `showMissing` adds the names of missing
 * documents that have documents below them.
 */
const listDocuments: Method = (store, { parent, collectionId, mask, showMissing, orderBy, pageSize, pageToken }) => {
  if (orderBy) throw unimplemented('ListDocuments in an order');
  const prefix = `${parent}/${collectionId}/`;
  databaseOf(`${prefix}any`);
  const ids = new Set<string>();
  for (const name of store.names()) {
    const [id = ''] = name.slice(prefix.length).split('/', 1);
    if (name.startsWith(prefix) && (showMissing || store.get(prefix + id))) ids.add(id);
  }
  const after = Buffer.from(pageToken ?? '', 'base64url');
  const rest = Array.from(ids, (id) => Buffer.from(id))
    .filter((id) => Buffer.compare(id, after) > 0)
    .sort(Buffer.compare);
  const shown = rest.slice(0, pageSize || DEFAULT_PAGE_SIZE);
  const documents = shown.map((id) => store.get(prefix + id, mask) ?? { name: prefix + id });
  return { documents, nextPageToken: rest.length > shown.length ? shown.at(-1)?.toString('base64url') : '' };
};

/** The methods of google.firestore.v1.Firestore that the sandbox has. */
export const METHODS: Readonly<Record<string, Method>> = {
  GetDocument: getDocument,
  BatchGetDocuments: batchGetDocuments,
  ListDocuments: listDocuments,
  CreateDocument: createDocument,
  UpdateDocument: (store, { document, ...write }) => commitOne(store, { ...write, update: document ?? {} }),
  DeleteDocument: (store, { name, ...write }) => commitOne(store, { ...write, delete: name ?? '' }),
  Commit: (store, { writes, database }) => store.commit(writes ?? [], database ?? ''),
  BatchWrite: batchWrite,
};
