import { Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { GoogleError } from 'google-gax';

/**
 * Returns the gRPC client inside a generated client, with its channel and credentials. The few calls that every message
 * passes through use it with their own codecs, because the generated client copies each message twice.
 */
export async function grpcClientOf(generated: { initialize(): Promise<unknown> }): Promise<Client> {
  const stub = await generated.initialize();
  if (!(stub instanceof Client)) throw new Error('the generated client is built on another copy of @grpc/grpc-js');
  return stub;
}

/** Returns the header that Google's front ends route a call by, https://google.aip.dev/client-libraries/4222 */
export function routedBy(field: 'topic' | 'subscription', name: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-goog-request-params', `${field}=${encodeURIComponent(name)}`);
  return metadata;
}

/**
 * Makes a call with an encoded request. Ignores the content of the response, whose arrival is the confirmation. Rejects
 * as the generated client does, with DEADLINE_EXCEEDED after `timeoutMs`.
 */
export function callUnary(
  client: Client,
  method: string,
  request: Buffer,
  { metadata, timeoutMs }: { readonly metadata: Metadata; readonly timeoutMs: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null): void => (error === null ? resolve() : reject(detailed(error)));
    const deadline = Date.now() + timeoutMs;
    client.makeUnaryRequest(method, identity, () => undefined, request, metadata, { deadline }, done);
  });
}

function identity(request: Buffer): Buffer {
  return request;
}

/** Adds the error details beyond code and message, for example which ack ids of a call failed. */
function detailed(error: ServiceError): GoogleError {
  return GoogleError.parseGRPCStatusDetails(Object.assign(new GoogleError(error.message), error));
}
