import { status } from '@grpc/grpc-js';

/** An error as a gRPC call answers it. Codes: https://cloud.google.com/firestore/docs/understand-error-codes */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;
  /** What grpc-js sends as the status message. */
  readonly details: string;

  constructor(code: status, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

export const invalidArgument = (details: string) => new RpcError(status.INVALID_ARGUMENT, details);

export const unimplemented = (what: string) =>
  new RpcError(
    status.UNIMPLEMENTED,
    `The sandbox's Firestore does not have ${what}; Google's emulator does: gcloud beta emulators firestore start`,
  );

/** Whatever a handler threw, as a gRPC error. */
export function toRpcError(error: unknown): RpcError {
  return error instanceof RpcError ? error : new RpcError(status.INTERNAL, String(error));
}
