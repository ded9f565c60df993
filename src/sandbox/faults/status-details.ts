/** Encodes one field of a protobuf message: bytes or text with their length, or a number as a varint. */
function field(number: number, value: Buffer | string | number): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.byteLength), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

function status(code: number, message: string, type: string, detail: Buffer): Buffer {
  const any = Buffer.concat([field(1, `type.googleapis.com/${type}`), field(2, detail)]);
  return Buffer.concat([field(1, code), field(2, message), field(3, any)]);
}

/** The metadata key of a google.rpc.Status in Google's services (google/rpc/status.proto). */
export const STATUS_DETAILS = 'grpc-status-details-bin';

/** Encodes a google.rpc.Status with an ErrorInfo (google/rpc/error_details.proto). */
export function errorInfo(code: number, message: string, metadata: ReadonlyMap<string, string>): Buffer {
  const entries = Array.from(metadata, ([key, value]) => field(3, Buffer.concat([field(1, key), field(2, value)])));
  const detail = Buffer.concat([field(1, 'INVALID'), field(2, 'pubsub.googleapis.com'), ...entries]);
  return status(code, message, 'google.rpc.ErrorInfo', detail);
}

/** Encodes a google.rpc.Status with a RetryInfo. */
export function retryInfo(code: number, message: string, seconds: number): Buffer {
  const whole = Math.floor(seconds);
  const duration = Buffer.concat([field(1, whole), field(2, Math.round((seconds - whole) * 1e9))]);
  return status(code, message, 'google.rpc.RetryInfo', field(1, duration));
}
