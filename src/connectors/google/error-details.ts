import protobuf from 'protobufjs/minimal.js';

const { Reader } = protobuf;

/** The details of a failed gRPC call, in the form that google-gax gives its errors. */
export interface ErrorDetails {
  /** RetryInfo: the wait that the server requests. */
  statusDetails?: { readonly retryDelay: { readonly seconds: number; readonly nanos: number } }[];
  /** ErrorInfo: the cause, for example `IAM_PERMISSION_DENIED`. */
  reason?: string;
  /** ErrorInfo: for example which ack ids of a call failed, and why. */
  errorInfoMetadata?: Record<string, string>;
}

/**
 * Decodes ErrorInfo and RetryInfo of a `google.rpc.Status`, https://google.aip.dev/193. Ignores other details, and bytes
 * that cannot be decoded.
 *
 * @param status the header `grpc-status-details-bin`.
 */
export function errorDetails(status: Uint8Array): ErrorDetails {
  const found: ErrorDetails = {};
  try {
    for (const detail of fieldsOf(status, 3)) {
      const type = textOf(detail, 1);
      const [value] = fieldsOf(detail, 2);
      if (value === undefined) continue;
      if (type.endsWith('/google.rpc.ErrorInfo')) Object.assign(found, errorInfoOf(value));
      else if (type.endsWith('/google.rpc.RetryInfo')) found.statusDetails = [{ retryDelay: retryDelayOf(value) }];
    }
  } catch {
    // The error itself matters more than its details.
  }
  return found;
}

function errorInfoOf(info: Uint8Array): ErrorDetails {
  const entries = fieldsOf(info, 3).map((entry) => [textOf(entry, 1), textOf(entry, 2)] as const);
  return { reason: textOf(info, 1), errorInfoMetadata: Object.fromEntries(entries) };
}

function retryDelayOf(info: Uint8Array): { seconds: number; nanos: number } {
  const delay = { seconds: 0, nanos: 0 };
  for (const duration of fieldsOf(info, 1)) {
    const reader = Reader.create(duration);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag >>> 3 === 1) delay.seconds = Number(reader.int64());
      else if (tag >>> 3 === 2) delay.nanos = reader.int32();
      else reader.skipType(tag & 7);
    }
  }
  return delay;
}

function textOf(message: Uint8Array, number: number): string {
  const [bytes] = fieldsOf(message, number);
  return bytes === undefined ? '' : Buffer.from(bytes).toString();
}

/** Returns the values of a length-delimited field. */
function fieldsOf(message: Uint8Array, number: number): Uint8Array[] {
  const fields: Uint8Array[] = [];
  const reader = Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((number << 3) | 2)) fields.push(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return fields;
}
