import type { Attributes } from '../../core/message.ts';
import { EncodedAttributes } from './wire/encoded-attributes.ts';

/** Prefix that Pub/Sub reserves, in any case. */
const RESERVED_PREFIX = 'goog';

/** Reserved names that Pub/Sub accepts: the official clients publish them to propagate traces. */
const OF_CLIENTS: ReadonlySet<string> = new Set([
  'googclient_traceparent',
  'googclient_tracestate',
  'googclient_OpenTelemetrySpanContext',
]);

/** Returns whether Pub/Sub refuses a message with this attribute name. */
export function isReserved(name: string): boolean {
  return (
    name.length >= RESERVED_PREFIX.length &&
    name.slice(0, RESERVED_PREFIX.length).toLowerCase() === RESERVED_PREFIX &&
    !OF_CLIENTS.has(name)
  );
}

/**
 * Removes the attributes that Pub/Sub reserves, such as `googclient_schemaencoding`, which it adds to messages of a
 * topic with a schema. Returns the same object if there are none.
 */
export function withoutReserved<T extends Attributes | EncodedAttributes>(attributes: T): T | Attributes {
  if (attributes instanceof EncodedAttributes) {
    if (attributes.isAccepted || !attributes.mayHaveNameBeginning(RESERVED_PREFIX)) return attributes;
    const decoded = attributes.decode();
    const carried = filtered(decoded);
    return carried === decoded ? attributes : carried;
  }
  return filtered(attributes);
}

function filtered(attributes: Attributes): Attributes {
  for (const name in attributes) {
    if (isReserved(name)) return Object.fromEntries(Object.entries(attributes).filter(([each]) => !isReserved(each)));
  }
  return attributes;
}
