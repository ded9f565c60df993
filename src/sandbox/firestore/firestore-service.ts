import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';

/**
 * The definition of google.firestore.v1.Firestore out of the client's own package, its messages as messages.ts
 * describes them.
 */
export function firestoreService(): ServiceDefinition {
  const resolve = createRequire(createRequire(import.meta.url).resolve('@google-cloud/firestore')).resolve;
  const path = resolve('@google-cloud/firestore-api/protos/protos.json');
  const definitions = fromJSON(JSON.parse(readFileSync(path, 'utf8')), { longs: String, enums: String, oneofs: true });
  const service = definitions['google.firestore.v1.Firestore'];
  if (service === undefined || 'format' in service) throw new Error(`${path} has no google.firestore.v1.Firestore`);
  return service;
}
