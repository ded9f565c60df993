import { randomBytes } from 'node:crypto';
import { type handleServerStreamingCall, type handleUnaryCall, status } from '@grpc/grpc-js';
import { serveGrpc } from '../grpc-server.ts';
import type { SandboxServer } from '../server.ts';
import { checkDocumentName, checkId, checkParent } from './document-name.ts';
import { DocumentStore } from './document-store.ts';
import { firestoreService } from './firestore-service.ts';
import { listCollectionIds, listDocuments } from './list-documents.ts';
import type { ConsistencySelector, Document, DocumentMask, Precondition, Write, WriteResult } from './messages.ts';
import { invalidArgument, RpcError, toRpcError, unimplemented } from './rpc-error.ts';

interface BatchGetRequest extends ConsistencySelector {
  readonly database?: string;
  readonly documents?: readonly string[];
  readonly mask?: DocumentMask;
}

interface WritesRequest {
  readonly database?: string;
  readonly writes?: readonly Write[];
  readonly transaction?: Uint8Array;
}

interface DocumentRequest {
  readonly document?: Document;
  readonly updateMask?: DocumentMask;
  readonly mask?: DocumentMask;
  readonly currentDocument?: Precondition;
}

/** What a request is about, for whoever watches the calls: a document, a parent or a database. */
interface Resource {
  readonly name?: string;
  readonly parent?: string;
  readonly database?: string;
  readonly document?: Document;
}

const databaseOf = (name: string) => name.split('/').slice(0, 4).join('/');

function refuseSelector({ transaction, newTransaction, readTime }: ConsistencySelector): void {
  if (transaction?.byteLength || newTransaction) throw unimplemented('transactions');
  if (readTime) throw unimplemented('reads of the past');
}

/** The methods that answer once. */
function unaryMethods(store: DocumentStore) {
  const commitOne = (write: Write, name: string, mask?: DocumentMask): Document => {
    store.commit([write], databaseOf(name));
    return store.get(name, mask) ?? { name };
  };
  return {
    getDocument(request: ConsistencySelector & { name?: string; mask?: DocumentMask }): Document {
      refuseSelector(request);
      const { name = '', mask } = request;
      checkDocumentName(name);
      const found = store.get(name, mask);
      if (found === undefined) throw new RpcError(status.NOT_FOUND, `Document "${name}" not found.`);
      return found;
    },
    createDocument(request: DocumentRequest & { parent?: string; collectionId?: string; documentId?: string }) {
      const { parent = '', collectionId = '', documentId, document, mask } = request;
      if (document?.name) throw invalidArgument('document.name must not be set');
      checkParent(parent);
      checkId(collectionId);
      const name = `${parent}/${collectionId}/${documentId || randomBytes(10).toString('hex')}`;
      return commitOne({ update: { ...document, name }, currentDocument: { exists: false } }, name, mask);
    },
    updateDocument({ document, mask, ...write }: DocumentRequest): Document {
      if (!document?.name) throw invalidArgument('document.name must be set');
      return commitOne({ ...write, update: document }, document.name, mask);
    },
    deleteDocument({ name = '', currentDocument }: { name?: string; currentDocument?: Precondition }): object {
      store.commit([{ delete: name, ...(currentDocument && { currentDocument }) }], databaseOf(name));
      return {};
    },
    commit({ database = '', writes = [], transaction }: WritesRequest) {
      if (transaction?.byteLength) throw unimplemented('transactions');
      return store.commit(writes, database);
    },
    /** Each write for itself, with a status each; a document may stand in it once. */
    batchWrite({ database = '', writes = [] }: WritesRequest) {
      const names = writes.map((write) => write.update?.name ?? write.delete ?? write.transform?.document ?? '');
      for (const name of names) checkDocumentName(name, database);
      if (new Set(names).size < names.length) {
        throw invalidArgument('the same document cannot be written more than once in a single request');
      }
      const outcomes = writes.map((write): { result: WriteResult; status: { code: number; message: string } } => {
        try {
          const [result = {}] = store.commit([write], database).writeResults;
          return { result, status: { code: status.OK, message: '' } };
        } catch (error) {
          const { code, details } = toRpcError(error);
          return { result: {}, status: { code, message: details } };
        }
      });
      return { writeResults: outcomes.map(({ result }) => result), status: outcomes.map((outcome) => outcome.status) };
    },
    listDocuments(request: Parameters<typeof listDocuments>[1]) {
      refuseSelector(request);
      return listDocuments(store, request);
    },
    listCollectionIds: (request: Parameters<typeof listCollectionIds>[1]) => listCollectionIds(store, request),
  };
}

function* batchGetDocuments(store: DocumentStore, request: BatchGetRequest) {
  refuseSelector(request);
  const { database = '', documents = [], mask } = request;
  for (const name of documents) checkDocumentName(name, database);
  const readTime = store.readTime();
  for (const name of new Set(documents)) {
    const found = store.get(name, mask);
    yield found === undefined ? { missing: name, readTime } : { found, readTime };
  }
}

const UNARY_ELSEWHERE = ['BeginTransaction', 'Rollback', 'PartitionQuery'];
const STREAMING_ELSEWHERE = ['RunQuery', 'RunAggregationQuery', 'ExecutePipeline', 'Listen', 'Write'];

/**
 * Starts an empty Firestore that reads and writes documents by name: what a lookup store needs, over gRPC, in memory.
 * Queries, transactions, listeners and reads of the past answer UNIMPLEMENTED, naming Google's emulator, which has
 * them (the client's `onSnapshot` hides that answer and tries again for ever). Unlike the real service it has every database that is asked for, no access control, no indexes and their
 * limits, and no limit on the rate of writes.
 */
export async function startFirestore({ port = 0 }: { port?: number } = {}): Promise<SandboxServer> {
  const store = new DocumentStore();

  /** Every call passes here, with its method and the document, parent or database that it is about. */
  const perform = <Request extends Resource, Reply>(
    _method: string,
    request: Request,
    handle: (request: Request) => Reply,
  ): Reply => handle(request);

  const unary =
    <Request extends Resource, Reply>(
      method: string,
      handle: (request: Request) => Reply,
    ): handleUnaryCall<Request, Reply> =>
    (call, callback) => {
      try {
        callback(null, perform(method, call.request, handle));
      } catch (error) {
        callback(toRpcError(error));
      }
    };
  const stream =
    <Request extends Resource, Reply>(
      method: string,
      handle: (request: Request) => Iterable<Reply>,
    ): handleServerStreamingCall<Request, Reply> =>
    (call) => {
      try {
        for (const reply of perform(method, call.request, handle)) call.write(reply);
        call.end();
      } catch (error) {
        call.emit('error', toRpcError(error));
      }
    };

  const refuse = (method: string) => (): never => {
    throw unimplemented(method);
  };
  const methods = unaryMethods(store);
  return serveGrpc((server) => {
    server.addService(firestoreService(), {
      GetDocument: unary('GetDocument', methods.getDocument),
      CreateDocument: unary('CreateDocument', methods.createDocument),
      UpdateDocument: unary('UpdateDocument', methods.updateDocument),
      DeleteDocument: unary('DeleteDocument', methods.deleteDocument),
      Commit: unary('Commit', methods.commit),
      BatchWrite: unary('BatchWrite', methods.batchWrite),
      ListDocuments: unary('ListDocuments', methods.listDocuments),
      ListCollectionIds: unary('ListCollectionIds', methods.listCollectionIds),
      BatchGetDocuments: stream('BatchGetDocuments', (request: BatchGetRequest) => batchGetDocuments(store, request)),
      ...Object.fromEntries(UNARY_ELSEWHERE.map((method) => [method, unary(method, refuse(method))])),
      ...Object.fromEntries(STREAMING_ELSEWHERE.map((method) => [method, stream(method, refuse(method))])),
    });
  }, port);
}
