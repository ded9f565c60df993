import { Client, Metadata } from '@grpc/grpc-js';

/**
 * The gRPC client under a generated one, with its channel and credentials. For the few calls that every message takes
 * part in: it lets them bring codecs of their own, where the generated client would copy each message twice.
 */
export async function grpcClientOf(generated: { initialize(): Promise<unknown> }): Promise<Client> {
  const stub = await generated.initialize();
  if (!(stub instanceof Client)) throw new Error('the generated client is built on another copy of @grpc/grpc-js');
  return stub;
}

/** The header by which Google's front ends route a call, https://google.aip.dev/client-libraries/4222 */
export function routedBy(field: 'topic' | 'subscription', name: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-goog-request-params', `${field}=${encodeURIComponent(name)}`);
  return metadata;
}
