import { status } from '@grpc/grpc-js';

/** An error in a gRPC response. Codes: https://cloud.google.com/firestore/docs/understand-error-codes */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

export const invalidArgument = (message: string) => new RpcError(status.INVALID_ARGUMENT, message);

/** The sandbox names the permission, unlike the service. */
export const permissionDenied = (permission: string) =>
  new RpcError(status.PERMISSION_DENIED, `Missing or insufficient permissions. (${permission})`);

export function unimplemented(what: string): RpcError {
  const elsewhere = "Google's emulator does: gcloud emulators firestore start";
  return new RpcError(status.UNIMPLEMENTED, `The sandbox's Firestore does not have ${what}; ${elsewhere}`);
}
