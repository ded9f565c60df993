import { checkId, checkParent } from './document-name.ts';
import type { DocumentStore } from './document-store.ts';
import type { Document, ListDocumentsRequest } from './messages.ts';
import { unimplemented } from './rpc-error.ts';

const DEFAULT_PAGE_SIZE = 100;

/** Ids are ordered by their UTF-8 bytes. */
const byUtf8 = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right));

/** One page of the distinct ids that stand directly behind `prefix` in the names of documents. */
function pageOfIds(store: DocumentStore, prefix: string, pageSize: number | undefined, token: string | undefined) {
  const after = token ? Buffer.from(token, 'base64url').toString() : undefined;
  const ids = new Set<string>();
  for (const name of store.names()) {
    if (name.startsWith(prefix)) ids.add(name.slice(prefix.length).split('/', 1)[0] ?? '');
  }
  const rest = [...ids].filter((id) => after === undefined || byUtf8(id, after) > 0).sort(byUtf8);
  const shown = rest.slice(0, pageSize || DEFAULT_PAGE_SIZE);
  const last = shown.at(-1);
  const more = rest.length > shown.length && last !== undefined;
  return { ids: shown, nextPageToken: more ? Buffer.from(last).toString('base64url') : '' };
}

/**
 * One page of a collection in the order of ids; with `showMissing`, also documents that only have documents below them,
 * by name alone.
 */
export function listDocuments(store: DocumentStore, request: ListDocumentsRequest) {
  const { parent = '', collectionId = '', mask, showMissing = false, orderBy = '', pageSize, pageToken } = request;
  checkParent(parent);
  checkId(collectionId);
  if (!/^(__name__( asc)?)?$/i.test(orderBy)) throw unimplemented(`ListDocuments ordered by ${orderBy}`);
  const prefix = `${parent}/${collectionId}/`;
  const documents: Document[] = [];
  let token = pageToken;
  do {
    const page = pageOfIds(store, prefix, (pageSize || DEFAULT_PAGE_SIZE) - documents.length, token);
    for (const id of page.ids) {
      const document = store.get(prefix + id, mask);
      if (document !== undefined || showMissing) documents.push(document ?? { name: prefix + id });
    }
    token = page.nextPageToken;
  } while (token !== '' && documents.length < (pageSize || DEFAULT_PAGE_SIZE));
  return { documents, nextPageToken: token };
}

/** One page of the collections below a document, or of a database's. */
export function listCollectionIds(
  store: DocumentStore,
  { parent = '', pageSize, pageToken }: { parent?: string; pageSize?: number; pageToken?: string },
) {
  checkParent(parent);
  const { ids, nextPageToken } = pageOfIds(store, `${parent}/`, pageSize, pageToken);
  return { collectionIds: ids, nextPageToken };
}
