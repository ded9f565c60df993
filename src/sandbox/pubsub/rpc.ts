import { type handleUnaryCall, Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { lengthDelimited, varintField } from './wire.ts';

/** What a handler throws: the gRPC status that the client gets. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;
  readonly metadata: Metadata;

  constructor(code: status, message: string, metadata = new Metadata()) {
    super(message);
    this.code = code;
    this.metadata = metadata;
  }
}

export const invalidArgument = (message: string): RpcError => new RpcError(status.INVALID_ARGUMENT, message);
export const unimplemented = (what: string): RpcError =>
  new RpcError(status.UNIMPLEMENTED, `The sandbox does not implement ${what}.`);
export const notFound = (name: string): RpcError =>
  new RpcError(status.NOT_FOUND, `Resource not found (resource=${lastSegment(name)}).`);
export const alreadyExists = (name: string): RpcError =>
  new RpcError(status.ALREADY_EXISTS, `Resource already exists in the project (resource=${lastSegment(name)}).`);

const lastSegment = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** A status with a google.rpc.ErrorInfo, whose metadata says for each ack id why it failed. */
export function ackFailure(reasons: ReadonlyMap<string, string>): RpcError {
  const message =
    'Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have expired or the acknowledgement ids were malformed.';
  const pairs = Array.from(reasons, ([ackId, reason]) =>
    lengthDelimited(3, Buffer.concat([lengthDelimited(1, ackId), lengthDelimited(2, reason)])),
  );
  const info = Buffer.concat([
    lengthDelimited(1, 'EXACTLY_ONCE_ACKID_FAILURE'),
    lengthDelimited(2, 'pubsub.googleapis.com'),
    ...pairs,
  ]);
  const detail = Buffer.concat([
    lengthDelimited(1, 'type.googleapis.com/google.rpc.ErrorInfo'),
    lengthDelimited(2, info),
  ]);
  const metadata = new Metadata();
  metadata.set(
    'grpc-status-details-bin',
    Buffer.concat([varintField(1, status.INVALID_ARGUMENT), lengthDelimited(2, message), lengthDelimited(3, detail)]),
  );
  return new RpcError(status.INVALID_ARGUMENT, message, metadata);
}

export function toStatus(error: unknown): { code: status; details: string; metadata?: Metadata } {
  if (error instanceof RpcError) return { code: error.code, details: error.message, metadata: error.metadata };
  if (error instanceof RangeError) return { code: status.INVALID_ARGUMENT, details: error.message };
  return { code: status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}

/** The `decode` of a method whose request protobufjs has decoded. */
export const decoded = <Request>(request: Request): Request => request;

/**
 * A unary method. Every one passes through here with its name (`call.getPath()`) and that of the resource it is about,
 * which makes this the place to count, delay or fail calls; StreamingPull has its own such place in `streamingPull`.
 */
export function unary<Wire, Request, Response>(
  decode: (wire: Wire) => Request,
  resourceOf: (request: Request) => string | null | undefined,
  handler: (resource: string, request: Request, call: ServerUnaryCall<Wire, Response>) => Response | Promise<Response>,
): handleUnaryCall<Wire, Response> {
  return (call, callback) => {
    try {
      const request = decode(call.request);
      const answer = handler(resourceOf(request) ?? '', request, call);
      if (answer instanceof Promise)
        answer.then(
          (value) => callback(null, value),
          (error) => callback(toStatus(error)),
        );
      else callback(null, answer);
    } catch (error) {
      callback(toStatus(error));
    }
  };
}
