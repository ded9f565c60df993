import type { WritableBytes } from '../connectors/pubsub/wire/protobuf.ts';
import { asBuffer } from '../util/bytes.ts';

/** The bytes of outgoing data, written or not. */
export function written(data: Uint8Array | WritableBytes): Buffer {
  if (data instanceof Uint8Array) return asBuffer(data);
  const bytes = Buffer.alloc(data.byteLength);
  data.write(bytes, 0);
  return bytes;
}
