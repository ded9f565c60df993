import { type handleUnaryCall, type ServerUnaryCall, status } from '@grpc/grpc-js';

/** What a handler throws, for the client to get as the call's status. */
export const rpcError = (code: status, message: string) => Object.assign(new Error(message), { code });
export const invalidArgument = (message: string) => rpcError(status.INVALID_ARGUMENT, message);
export const notFound = (name: string) => rpcError(status.NOT_FOUND, `Resource not found (resource=${name}).`);

/**
 * Runs one call, or one request of a stream. All pass here with their method and the resource they are about, which
 * makes this the place to count, delay or fail them.
 */
export const guarded = async (_method: string, _resource: string, run: () => unknown): Promise<unknown> => run();

type Named = string | { readonly name?: string | null } | null;
/** A request is about what it names, or in an update has, in one of these fields. */
type Request = { name?: string | null; subscription?: Named; topic?: Named; project?: string };

function resourceOf({ name, subscription, topic, project }: Request): string {
  const resource = name ?? subscription ?? topic ?? project ?? '';
  return typeof resource === 'string' ? resource : (resource.name ?? '');
}

/** A method that answers once; a handler that returns nothing answers with an empty message. */
export function unary<R extends Request>(
  handler: (resource: string, request: R, call: ServerUnaryCall<R, object>) => unknown,
): handleUnaryCall<R, object> {
  return (call, callback) => {
    const resource = resourceOf(call.request);
    const answer = guarded(call.getPath(), resource, () => handler(resource, call.request, call));
    answer.then((response) => callback(null, Object(response)), callback);
  };
}
