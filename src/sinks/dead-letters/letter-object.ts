import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { isRecord } from '../../config/interpolate.ts';
import type { Attributes, Original } from '../../core/message.ts';

/** Not `v.record`, which leaves out names such as `constructor`. */
const attributesSchema = v.custom<Attributes>(
  (value) => isRecord(value) && Object.values(value).every((text) => typeof text === 'string'),
);

const schema = v.strictObject({
  /** base64 */
  data: v.string(),
  attributes: attributesSchema,
  orderingKey: v.string(),
});

/** An original as an object holds it: JSON, its data in base64. */
export function encodeOriginal({ data, attributes, orderingKey }: Original): Buffer {
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  return Buffer.from(JSON.stringify({ data: base64, attributes, orderingKey } satisfies v.InferInput<typeof schema>));
}

/** The original that an object holds. Throws when its content is another than the one that its name was made from. */
export function decodeOriginal(name: string, content: Uint8Array): Original {
  const [, named] = /\/([0-9a-f]{64})(?:-[0-9a-f]+)?\.json$/.exec(name) ?? [];
  if (named !== letterContentHash(content)) throw new Error(`${name} does not hold what was written there`);
  const { data, attributes, orderingKey } = v.parse(schema, JSON.parse(Buffer.from(content).toString('utf8')));
  return { data: Buffer.from(data, 'base64'), attributes, orderingKey };
}

/**
 * `dead-letters/<service>/<YYYY>/<MM>/<DD>/<sha256 of the content>.json`: the same content has the same name.
 *
 * @param suffix tells an object from another of the same content.
 */
export function letterObjectName(service: string, time: Date, contentHash: string, suffix = ''): string {
  const day = time.toISOString().slice(0, 10).replaceAll('-', '/');
  return `dead-letters/${service}/${day}/${contentHash}${suffix}.json`;
}

/** SHA-256 of an object's content, in hexadecimal digits. */
export function letterContentHash(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
