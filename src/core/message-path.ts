import { utf8Text } from '../util/bytes.ts';
import { JsonNumber, parseExact, parseLossless } from '../util/json/lossless-json.ts';
import { enrichmentText, type Message } from './message.ts';
import { pathParts } from './path-parts.ts';

/** Reads values from a message by path. Parses the payload as JSON at most once per view. */
export class MessageView {
  readonly message: Message;
  #payload: unknown;
  #parsed = false;
  #text: string | undefined;
  #exactPayload: unknown;
  #exactParsed = false;

  constructor(message: Message) {
    this.message = message;
  }

  /** The payload as text without a byte order mark; undefined if it is not UTF-8. */
  get payloadText(): string | undefined {
    return utf8Text(this.message.payload);
  }

  /** The payload as JSON; undefined if it is not JSON. Integers that a double cannot hold are JsonNumbers. */
  get payload(): unknown {
    if (!this.#parsed) {
      this.#parsed = true;
      this.#text = this.payloadText;
      try {
        if (this.#text !== undefined) this.#payload = parseLossless(this.message.payload, this.#text);
      } catch {
        this.#payload = undefined;
      }
    }
    return this.#payload;
  }

  /** The payload as JSON in which every number keeps its original digits; undefined if it is not JSON. */
  get exactPayload(): unknown {
    if (!this.#exactParsed) {
      this.#exactParsed = true;
      const { payload } = this;
      this.#exactPayload = payload === undefined ? undefined : exact(() => this.#text, payload, this.message.payload);
    }
    return this.#exactPayload;
  }

  /** The enrichment data with the original digits of every number in the envelope. */
  get exactEnrichmentData(): unknown {
    return exact(() => enrichmentText(this.message), this.message.enrichmentData);
  }
}

/** Parses JSON without losing digits. Returns the given value if it loses none. */
function exact(textOf: () => string | undefined, value: unknown, bytes?: Uint8Array): unknown {
  try {
    const text = textOf();
    if (text === undefined) return value;
    return parseExact(text, value, bytes);
  } catch {
    // Too deeply nested for a reviver, or added by a hook and not representable as JSON.
    return value;
  }
}

/** Reads one value; undefined if the path does not exist. */
export type MessagePath = (view: MessageView) => unknown;

/** Roots of a path. */
export const PATH_ROOTS = ['payload', 'enrichmentData', 'enrichment', 'attributes', 'metadata'] as const;

/**
 * Compiles a path such as `payload.sensor.value`, `payload.readings.0`, `payload["a.b"]`, `enrichment.DeviceID` (short
 * for `enrichmentData`), `attributes.uid`, `metadata.id` or `metadata.publishTime`. `payload` alone is the whole
 * payload. Reads own properties only, so `__proto__` in a message is an ordinary name.
 *
 * @returns undefined if the text is not a valid path; `pathProblem` explains why.
 */
export function compilePath(text: string): MessagePath | undefined {
  return compiled(text, false);
}

function compiled(text: string, exactly: boolean): MessagePath | undefined {
  if (pathProblem(text) !== undefined) return undefined;
  const parts = pathParts(text);
  if (typeof parts === 'string') return undefined;
  const { root, names } = parts;
  switch (root) {
    case 'payload':
      return exactly ? (view) => descend(view.exactPayload, names) : (view) => descend(view.payload, names);
    case 'enrichment':
    case 'enrichmentData':
      return exactly ? (view) => descend(view.exactEnrichmentData, names) : enrichmentPath(names);
    case 'attributes': {
      const name = names.join('.');
      return names.length === 0 ? (view) => view.message.attributes : (view) => own(view.message.attributes, name);
    }
    default:
      return names[0] === 'id' ? (view) => view.message.id : (view) => view.message.publishTime;
  }
}

function enrichmentPath(names: readonly string[]): MessagePath {
  const [name, ...deeper] = names;
  const read: MessagePath = ({ message }) => descend(message.enrichmentData, names);
  if (name === undefined || deeper.length > 0) return read;
  const bytes = Buffer.from(name);
  return (view) => {
    const text = view.message.plainMember?.(name, bytes);
    if (text === undefined) return read(view);
    return text === null ? undefined : text;
  };
}

/** Describes why a text is not a path into a message; undefined if it is one. */
export function pathProblem(text: string): string | undefined {
  const parts = pathParts(text);
  const { root, names } = typeof parts === 'string' ? { root: /^[^.[]*/.exec(text)?.[0], names: [] } : parts;
  if (!PATH_ROOTS.some((known) => known === root)) {
    return 'expected a path that begins with payload, enrichmentData, attributes or metadata, such as payload.device.id';
  }
  if (typeof parts === 'string') return parts;
  if (root === 'metadata' && (names.length !== 1 || (names[0] !== 'id' && names[0] !== 'publishTime'))) {
    return 'expected metadata.id or metadata.publishTime';
  }
  return undefined;
}

/** Follows a list of names through own properties; undefined if one is missing. */
export function descend(start: unknown, parts: readonly string[]): unknown {
  let value = start;
  for (const part of parts) value = own(value, part);
  return value;
}

function own(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Compiles a path that a schema has already accepted. */
export function validPath(text: string): MessagePath {
  const path = compilePath(text);
  if (path === undefined) throw new Error(`"${text}" is not a path into a message`);
  return path;
}

/** Compiles a path that keeps the original digits of numbers: `1.0` and `1` are different values. */
export function exactPath(text: string): MessagePath {
  const read = validPath(text);
  const readExactly = compiled(text, true) ?? read;
  return (view) => {
    const value = read(view);
    return typeof value === 'number' || (isObject(value) && !(value instanceof JsonNumber)) ? readExactly(view) : value;
  };
}

/** Reads a key as text; undefined if the path gives none. */
export type KeyPath = (view: MessageView) => string | undefined;

/** Compiles a path to a key's text (see `keyText`). Numbers keep their original digits. */
export function keyPath(text: string): KeyPath {
  const read = validPath(text);
  const readExactly = compiled(text, true) ?? read;
  return (view) => {
    const value = read(view);
    return keyText(typeof value === 'number' ? readExactly(view) : value);
  };
}

/**
 * Returns a value as the text of a key, valid in UTF-8. Returns undefined for values that cannot be keys: objects,
 * lists, the empty string, null and undefined.
 */
export function keyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value.toWellFormed();
  if (value instanceof JsonNumber) return value.toString();
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
