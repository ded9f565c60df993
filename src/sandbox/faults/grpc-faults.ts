import { type handleUnaryCall, Metadata, status } from '@grpc/grpc-js';
import { type Faults, type FaultyCall, InjectedError, LostResponse } from './faults.ts';
import { retryInfo, STATUS_DETAILS } from './status-details.ts';

function codeOf(code: string | number): status {
  if (typeof code === 'number') return code;
  const found = Object.entries(status).find(([name]) => name === code)?.[1];
  return typeof found === 'number' ? found : status.UNKNOWN;
}

/** Converts a fault to the response of a gRPC call; other errors pass unchanged. */
export function asRpcError(thrown: unknown): unknown {
  if (thrown instanceof LostResponse) return Object.assign(new Error(thrown.message), { code: status.UNAVAILABLE });
  if (!(thrown instanceof InjectedError)) return thrown;
  const { message, retryAfterSeconds } = thrown.fault;
  const code = codeOf(thrown.fault.code);
  const metadata = new Metadata();
  if (retryAfterSeconds !== undefined) metadata.set(STATUS_DETAILS, retryInfo(code, message, retryAfterSeconds));
  return Object.assign(new Error(message), { code, metadata });
}

/** Wraps a unary method with the rules. */
export function faultyUnary<Request, Response>(
  faults: Faults,
  callOf: (request: Request) => FaultyCall,
  handler: handleUnaryCall<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    if (faults.isEmpty) return handler(call, callback);
    const answer = () =>
      new Promise<Response | null | undefined>((resolve, reject) => {
        handler(call, (error, response) => (error ? reject(error) : resolve(response)));
      });
    faults.pass(callOf(call.request), answer).then(
      (response) => callback(null, response),
      (thrown) => callback(Object(asRpcError(thrown))),
    );
  };
}
