import type { Outgoing } from '../../connectors/pubsub/sink.ts';
import { EncodedAttributes } from '../../connectors/pubsub/wire/protobuf.ts';
import type { Published } from './explanation.ts';

/** Decodes a message that is ready to be published. */
export function publishedOf(
  { key, message: { data, attributes, orderingKey } }: Outgoing,
  projectId: string,
): Published {
  const bytes = Buffer.alloc(data.byteLength);
  if (data instanceof Uint8Array) bytes.set(data);
  else data.write(bytes, 0);
  return {
    topic: `projects/${projectId}/topics/${key.target}`,
    orderingKey,
    attributes: attributes instanceof EncodedAttributes ? attributes.decode() : { ...attributes },
    envelope: bytes.toString(),
    bytes: bytes.byteLength,
  };
}
