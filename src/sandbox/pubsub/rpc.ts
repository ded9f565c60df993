import { type handleUnaryCall, Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { errorInfo, STATUS_DETAILS } from '../faults/status-details.ts';

/** Creates the error for a handler to throw; the client gets it as the call's status. */
export const rpcError = (code: status, message: string) => Object.assign(new Error(message), { code });
export const invalidArgument = (message: string) => rpcError(status.INVALID_ARGUMENT, message);
export const notFound = (name: string) => rpcError(status.NOT_FOUND, `Resource not found (resource=${name}).`);

/** The sandbox names the permission, unlike the service. */
export const permissionDenied = (permission: string) =>
  rpcError(status.PERMISSION_DENIED, `User not authorized to perform this action. (${permission})`);

type Named = string | { readonly name?: string | null } | null;
/** One of these fields names a request's resource, or contains it in an update. */
export type Request = {
  name?: string | null;
  subscription?: Named;
  topic?: Named;
  project?: string;
  /** Of IAM. */
  resource?: string;
};

/** Lists the ids of a call whose leases are over, see https://cloud.google.com/pubsub/docs/exactly-once-delivery */
export function invalidAckIds(ackIds: readonly string[]): Error {
  const message = 'Some acknowledgement ids in the request were invalid.';
  const metadata = new Metadata();
  const reasons = new Map(ackIds.map((ackId) => [ackId, 'PERMANENT_FAILURE_INVALID_ACK_ID']));
  metadata.set(STATUS_DETAILS, errorInfo(status.FAILED_PRECONDITION, message, reasons));
  return Object.assign(rpcError(status.FAILED_PRECONDITION, message), { metadata });
}

/** Returns the resource of a request: full name of a topic, subscription or project. */
export function resourceOf({ name, subscription, topic, project, resource }: Request): string {
  const found = name ?? subscription ?? topic ?? project ?? resource ?? '';
  return typeof found === 'string' ? found : (found.name ?? '');
}

/** Wraps a handler as a unary method; a handler without a result answers with an empty message. */
export function unary<R extends Request>(
  handler: (resource: string, request: R, call: ServerUnaryCall<R, object>) => unknown,
): handleUnaryCall<R, object> {
  return (call, callback) => {
    const resource = resourceOf(call.request);
    const answer = async () => handler(resource, call.request, call);
    answer().then((response) => callback(null, Object(response)), callback);
  };
}
