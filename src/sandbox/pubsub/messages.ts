import { deserialize, type PubsubMessage, serialize } from './protos.ts';
import { invalidArgument } from './rpc.ts';

/** A published message, shared by all subscriptions that hold it. */
export interface Message {
  readonly id: string;
  readonly publishTimeMs: number;
  readonly orderingKey: string;
  /** The encoded google.pubsub.v1.PubsubMessage. */
  readonly bytes: Buffer;
}

/** https://cloud.google.com/pubsub/quotas#resource_limits */
const MAX_REQUEST_BYTES = 10_000_000;
const LIMITS: readonly [maximum: number, what: string, of: (message: PubsubMessage) => number][] = [
  [100, 'attributes', ({ attributes }) => attributes.length],
  [256, 'bytes in an attribute key', ({ attributes }) => Math.max(0, ...attributes.map(({ key }) => key.length))],
  [1024, 'bytes in an attribute', ({ attributes }) => Math.max(0, ...attributes.map(({ value }) => value.length))],
  [1024, 'bytes in the ordering key', ({ orderingKey }) => Buffer.byteLength(orderingKey)],
];

/** Reserved names that the service accepts, because the official clients publish them to propagate traces. */
const OF_CLIENTS: ReadonlySet<string> = new Set([
  'googclient_traceparent',
  'googclient_tracestate',
  'googclient_OpenTelemetrySpanContext',
]);

function isRefusedName(name: string): boolean {
  return name === '' || (/^goog/i.test(name) && !OF_CLIENTS.has(name));
}

/** Returns the common ordering key of a request's messages; throws for messages that the service refuses. */
export function orderingKeyOf(bodies: readonly Buffer[]): string {
  if (bodies.length === 0 || bodies.length > 1000)
    throw invalidArgument(`A publish request must have 1 to 1000 messages, not ${bodies.length}.`);
  if (bodies.reduce((bytes, body) => bytes + body.length, 0) > MAX_REQUEST_BYTES)
    throw invalidArgument(`Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`);
  const keys = new Set<string>();
  for (const body of bodies) {
    const message = deserialize(body);
    keys.add(message.orderingKey);
    if (message.data.length === 0 && message.attributes.length === 0)
      throw invalidArgument('Each message must contain either non-empty data, or at least one attribute.');
    for (const { key } of message.attributes) {
      const name = key.toString();
      if (!isRefusedName(name)) continue;
      throw invalidArgument(
        `The request contains an attribute key that is not valid (key=${name}). Attribute keys must be non-empty and must not begin with 'goog' (case-insensitive).`,
      );
    }
    for (const [maximum, what, of] of LIMITS)
      if (of(message) > maximum) throw invalidArgument(`A message has more than ${maximum} ${what}.`);
  }
  const [orderingKey = '', ...others] = keys;
  if (others.length > 0) throw invalidArgument('The messages of a publish request must have the same ordering key.');
  return orderingKey;
}

/**
 * Appends ids from `firstId` on, of 16 digits, and the publish time to each body: protobuf allows fields in any order,
 * and the later value wins if a publisher set these output-only fields.
 */
export function stamped(bodies: readonly Buffer[], orderingKey: string, firstId: number): Message[] {
  const publishTimeMs = Date.now();
  const publishTime = { seconds: Math.floor(publishTimeMs / 1000), nanos: (publishTimeMs % 1000) * 1e6 };
  const stamp = serialize({ messageId: String(firstId), publishTime });
  return bodies.map((body, index) => {
    const id = String(firstId + index);
    const bytes = Buffer.concat([body, stamp]);
    // The id comes first in the stamp, after one byte of tag and one of length.
    bytes.write(id, body.length + 2, 'latin1');
    return { id, publishTimeMs, orderingKey, bytes };
  });
}

export function withAttributes(bytes: Buffer, added: Readonly<Record<string, string>>): Buffer {
  const attributes = Object.entries(added).map(([k, v]) => ({ key: Buffer.from(k), value: Buffer.from(v) }));
  return Buffer.concat([bytes, serialize({ attributes })]);
}
