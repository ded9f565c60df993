import { createRequire } from 'node:module';
import type { ServiceDefinition as GrpcService } from '@grpc/grpc-js';
import { type AnyDefinition, fromJSON, type ServiceDefinition } from '@grpc/proto-loader';

const require = createRequire(import.meta.url);

/** Methods whose requests, responses or both pass as bytes: their codecs stand in this folder. */
const RAW_REQUESTS = new Set(['Publish', 'Acknowledge', 'ModifyAckDeadline', 'StreamingPull']);
const RAW_RESPONSES = new Set(['Publish', 'Pull', 'StreamingPull']);

const isService = (definition: AnyDefinition | undefined): definition is ServiceDefinition =>
  definition !== undefined && !('format' in definition);

const asItIs = (bytes: Buffer): Buffer => bytes;

/** A service by the protos that the official client brings along. */
export function serviceDefinition(name: 'Publisher' | 'Subscriber'): GrpcService {
  const protos = fromJSON(require('@google-cloud/pubsub/build/protos/protos.json'), { longs: Number, enums: String });
  const service = protos[`google.pubsub.v1.${name}`];
  if (!isService(service)) throw new Error(`the protos of @google-cloud/pubsub have no service ${name}`);
  return Object.fromEntries(
    Object.entries(service).map(([method, definition]) => [
      method,
      {
        ...definition,
        ...(RAW_REQUESTS.has(method) ? { requestDeserialize: asItIs } : {}),
        ...(RAW_RESPONSES.has(method) ? { responseSerialize: asItIs } : {}),
      },
    ]),
  );
}
