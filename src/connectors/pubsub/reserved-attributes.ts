import type { Attributes } from '../../core/message.ts';
import { EncodedAttributes } from './wire/encoded-attributes.ts';

/** Names that begin so, in any case of the letters, are Pub/Sub's own. */
const RESERVED_PREFIX = 'goog';

/** Those that it takes all the same: the official clients publish them to carry on traces. */
const OF_CLIENTS: ReadonlySet<string> = new Set([
  'googclient_traceparent',
  'googclient_tracestate',
  'googclient_OpenTelemetrySpanContext',
]);

/** Returns whether Pub/Sub refuses a message with an attribute of that name. */
export function isReserved(name: string): boolean {
  return (
    name.length >= RESERVED_PREFIX.length &&
    name.slice(0, RESERVED_PREFIX.length).toLowerCase() === RESERVED_PREFIX &&
    !OF_CLIENTS.has(name)
  );
}

/**
 * Returns the attributes without those that Pub/Sub keeps for itself, such as `googclient_schemaencoding`, which it adds to
 * messages of a topic with a schema: the same object where there is none of them.
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
