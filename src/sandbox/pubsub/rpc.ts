import { type handleUnaryCall, Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { errorInfo, STATUS_DETAILS } from '../faults/status-details.ts';

/** The error that a handler throws; the client gets it as the call's status. */
export const rpcError = (code: status, message: string) => Object.assign(new Error(message), { code });
export const invalidArgument = (message: string) => rpcError(status.INVALID_ARGUMENT, message);
export const notFound = (name: string) => rpcError(status.NOT_FOUND, `Resource not found (resource=${name}).`);

/** The service does not name the permission; the sandbox does. */
export const permissionDenied = (permission: string) =>
  rpcError(status.PERMISSION_DENIED, `User not authorized to perform this action. (${permission})`);

type Named = string | { readonly name?: string | null } | null;
/** A request is about what it names, or in an update has, in one of these fields. */
export type Request = {
  name?: string | null;
  subscription?: Named;
  topic?: Named;
  project?: string;
  /** Of IAM. */
  resource?: string;
};

/** https://cloud.google.com/pubsub/docs/exactly-once-delivery: the ids of a call whose leases are over. */
export function invalidAckIds(ackIds: readonly string[]): Error {
  const message = 'Some acknowledgement ids in the request were invalid.';
  const metadata = new Metadata();
  const reasons = new Map(ackIds.map((ackId) => [ackId, 'PERMANENT_FAILURE_INVALID_ACK_ID']));
  metadata.set(STATUS_DETAILS, errorInfo(status.FAILED_PRECONDITION, message, reasons));
  return Object.assign(rpcError(status.FAILED_PRECONDITION, message), { metadata });
}

/** The resource of a request: full name of a topic, subscription or project. */
export function resourceOf({ name, subscription, topic, project, resource }: Request): string {
  const found = name ?? subscription ?? topic ?? project ?? resource ?? '';
  return typeof found === 'string' ? found : (found.name ?? '');
}

/** A method that answers once; a handler that returns nothing answers with an empty message. */
export function unary<R extends Request>(
  handler: (resource: string, request: R, call: ServerUnaryCall<R, object>) => unknown,
): handleUnaryCall<R, object> {
  return (call, callback) => {
    const resource = resourceOf(call.request);
    const answer = async () => handler(resource, call.request, call);
    answer().then((response) => callback(null, Object(response)), callback);
  };
}
