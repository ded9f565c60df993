import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { isRecord } from '../config/interpolate.ts';
import type { Attributes, Original } from '../core/message.ts';
import { asBuffer } from '../util/bytes.ts';

/** `v.record` omits names such as `constructor`. */
const attributesSchema = v.custom<Attributes>(
  (value) => isRecord(value) && Object.values(value).every((text) => typeof text === 'string'),
);

const schema = v.strictObject({
  /** base64 */
  data: v.string(),
  attributes: attributesSchema,
  orderingKey: v.string(),
});

/** Bytes of data encoded at a time; a multiple of three, so that no padding occurs in between. */
const PIECE_BYTES = 3 * 16_384;

/**
 * Encodes an original for an object: JSON with its data in base64. Works piece by piece, so that large data never
 * exists as two more strings.
 */
export function encodeOriginal({ data, attributes, orderingKey }: Original): Buffer {
  const empty = JSON.stringify({ data: '', attributes, orderingKey } satisfies v.InferInput<typeof schema>);
  const head = '{"data":"';
  const end = empty.slice(head.length);
  const base64Length = 4 * Math.ceil(data.byteLength / 3);
  const content = Buffer.allocUnsafe(head.length + base64Length + Buffer.byteLength(end));
  let place = content.write(head);
  const bytes = asBuffer(data);
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    place += content.write(bytes.toString('base64', start, start + PIECE_BYTES), place);
  }
  content.write(end, place);
  return content;
}

/** Decodes the original in an object. Throws if the content does not match the hash in its name. */
export function decodeOriginal(name: string, content: Uint8Array): Original {
  const [, named] = /\/([0-9a-f]{64})(?:-[0-9a-f]+)?\.json$/.exec(name) ?? [];
  if (named !== deadLetterContentHash(content)) throw new Error(`${name} does not have the content that was written`);
  const { data, attributes, orderingKey } = v.parse(schema, JSON.parse(Buffer.from(content).toString('utf8')));
  return { data: Buffer.from(data, 'base64'), attributes, orderingKey };
}

/**
 * Returns `dead-letters/<service>/<YYYY>/<MM>/<DD>/<sha256 of the content>.json`: equal content has an equal name.
 *
 * @param suffix distinguishes an object from another with the same content.
 */
export function deadLetterObjectName(service: string, time: Date, contentHash: string, suffix = ''): string {
  const day = time.toISOString().slice(0, 10).replaceAll('-', '/');
  return `dead-letters/${service}/${day}/${contentHash}${suffix}.json`;
}

/** Returns the SHA-256 of an object's content, in hexadecimal digits. */
export function deadLetterContentHash(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
