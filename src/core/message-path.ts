import { asBuffer } from './bytes.ts';
import type { Message } from './message.ts';

/** A value out of a message, by path. The payload is parsed as JSON at most once for each view. */
export class MessageView {
  readonly message: Message;
  #payload: unknown;
  #parsed = false;

  constructor(message: Message) {
    this.message = message;
  }

  /** The payload as JSON; undefined if it is none. */
  get payload(): unknown {
    if (!this.#parsed) {
      this.#parsed = true;
      try {
        this.#payload = JSON.parse(asBuffer(this.message.payload).toString('utf8'));
      } catch {
        this.#payload = undefined;
      }
    }
    return this.#payload;
  }
}

/** Reads one value; undefined where the path leads nowhere. */
export type MessagePath = (view: MessageView) => unknown;

/** What a path may begin with. */
export const PATH_ROOTS = ['payload', 'enrichmentData', 'enrichment', 'attributes', 'metadata'] as const;

/**
 * Compiles a path such as `payload.sensor.value`, `payload.readings.0`, `enrichment.DeviceID` (short for
 * `enrichmentData`), `attributes.uid`, `metadata.id` or `metadata.publishTime`. `payload` alone is the whole payload.
 * Only own properties are read, so that `__proto__` in a message is a name like any other.
 *
 * @returns undefined if the text does not begin with one of PATH_ROOTS.
 */
export function compilePath(text: string): MessagePath | undefined {
  const [root, ...rest] = text.split('.');
  if (rest.some((part) => part === '')) return undefined;
  switch (root) {
    case 'payload':
      return (view) => descend(view.payload, rest);
    case 'enrichment':
    case 'enrichmentData':
      return (view) => descend(view.message.enrichmentData, rest);
    case 'attributes': {
      const name = rest.join('.');
      return name === '' ? (view) => view.message.attributes : (view) => own(view.message.attributes, name);
    }
    case 'metadata':
      if (rest.length !== 1) return undefined;
      if (rest[0] === 'id') return (view) => view.message.id;
      if (rest[0] === 'publishTime') return (view) => view.message.publishTime;
      return undefined;
    default:
      return undefined;
  }
}

/** The value that a list of names leads to, through own properties only; undefined where it leads nowhere. */
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

/** Compiles a path that a schema has accepted already. */
export function validPath(text: string): MessagePath {
  const path = compilePath(text);
  if (path === undefined) throw new Error(`"${text}" is no path into a message`);
  return path;
}

/** A value as the text of a key, writable in UTF-8; undefined for what makes no key: objects, lists, the empty text, nothing. */
export function keyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value.toWellFormed();
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
