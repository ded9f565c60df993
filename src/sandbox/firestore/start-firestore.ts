import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { handleServerStreamingCall, handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { Faults } from '../faults/faults.ts';
import { asRpcError } from '../faults/grpc-faults.ts';
import { serveGrpc } from '../grpc-server.ts';
import { Permissions } from '../permissions.ts';
import type { SandboxServer } from '../server.ts';
import { DocumentStore } from './document-store.ts';
import type { FirestoreRequest } from './messages.ts';
import { METHODS } from './methods.ts';
import { permissionsOf } from './permissions.ts';
import { permissionDenied, unimplemented } from './rpc-error.ts';

/** Loads the definition of google.firestore.v1.Firestore from the client's own package. */
function firestoreService(): ServiceDefinition {
  const { resolve } = createRequire(createRequire(import.meta.url).resolve('@google-cloud/firestore'));
  const path = resolve('@google-cloud/firestore-api/protos/protos.json');
  const service = fromJSON(JSON.parse(readFileSync(path, 'utf8')), { longs: String, enums: String })[
    'google.firestore.v1.Firestore'
  ];
  if (service === undefined || 'format' in service) throw new Error(`${path} has no google.firestore.v1.Firestore`);
  return service;
}

/**
 * Starts an empty in-memory Firestore over gRPC that reads and writes documents by name, as a lookup store needs.
 * Everything else answers UNIMPLEMENTED, and names Google's emulator, which has queries, transactions and listeners
 * (the client's `onSnapshot` hides that answer and retries forever).
 *
 * Differences from the real service: every database exists; one caller, with every permission that is not denied; no
 * limit on document size, depth or write rate; no reserved field names; timestamps keep their nanoseconds.
 */
export async function startFirestore({
  port = 0,
  faults = new Faults(),
  permissions = new Permissions(),
}: {
  port?: number;
  faults?: Faults;
  permissions?: Permissions;
} = {}): Promise<SandboxServer> {
  const store = new DocumentStore();

  /** Every call passes here with its method; the request names its document, parent or database. */
  const perform = async (method: string, request: FirestoreRequest): Promise<object> => {
    const handle = METHODS[method];
    if (handle === undefined) throw unimplemented(method);
    if (request.transaction?.length || request.newTransaction) throw unimplemented('transactions');
    if (request.readTime) throw unimplemented('reads of the past');
    const resource = request.name ?? request.parent ?? request.database ?? '';
    const work = () => {
      const lacking = permissions.check(method, permissionsOf(method, request));
      if (lacking !== undefined) throw permissionDenied(lacking);
      return handle(store, request);
    };
    return faults.pass({ server: 'firestore', method, resource }, work).catch((error) => {
      throw asRpcError(error);
    });
  };
  const unary = (method: string): handleUnaryCall<FirestoreRequest, object> => {
    return (call, callback) => {
      perform(method, call.request).then((reply) => callback(null, reply), callback);
    };
  };
  const streaming = (method: string): handleServerStreamingCall<FirestoreRequest, object> => {
    return (call) => {
      const send = (replies: object) => {
        for (const reply of Array.isArray(replies) ? replies : [replies]) call.write(reply);
        call.end();
      };
      perform(method, call.request).then(send, (error) => call.emit('error', error));
    };
  };

  const service = firestoreService();
  const handlers = Object.entries(service).map(([method, { responseStream }]) => {
    return [method, responseStream ? streaming(method) : unary(method)] as const;
  });
  return serveGrpc((server) => server.addService(service, Object.fromEntries(handlers)), port);
}
