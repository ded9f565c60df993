import { isJsonObject, type JsonObject } from './json-object.ts';
import { invalidParameter } from './storage-error.ts';

/** The requested fields of an object, each with its own requested fields; undefined means all. */
type Mask = Map<string, Mask | undefined>;

/**
 * Reduces a response to the parameter `fields`: `kind,items(name,size),owner/entity`, `*` for any field.
 * https://cloud.google.com/storage/docs/json_api#partial-response
 */
export function partialResponse(answer: JsonObject, fields: string): JsonObject {
  const parser = new Parser(fields);
  const mask = parser.parseList();
  if (!parser.isAtEnd) throw invalidParameter('fields', fields);
  return select(answer, mask);
}

function select(value: JsonObject, mask: Mask): JsonObject {
  const kept = Object.entries(value).filter(([name]) => mask.has(name) || mask.has('*'));
  return Object.fromEntries(kept.map(([name, field]) => [name, selectIn(field, mask.get(name) ?? mask.get('*'))]));
}

function selectIn(value: unknown, mask: Mask | undefined): unknown {
  if (mask === undefined) return value;
  if (Array.isArray(value)) return value.map((each) => selectIn(each, mask));
  return isJsonObject(value) ? select(value, mask) : value;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  parseList(): Mask {
    const mask: Mask = new Map();
    do {
      const [name] = /^\s*[\w*]+\s*/.exec(this.#text.slice(this.#at)) ?? [];
      if (name === undefined) throw invalidParameter('fields', this.#text);
      this.#at += name.length;
      mask.set(name.trim(), this.#parseInner());
    } while (this.#take(','));
    return mask;
  }

  #parseInner(): Mask | undefined {
    if (this.#take('/')) {
      const [name] = /^[\w*]+/.exec(this.#text.slice(this.#at)) ?? [];
      if (name === undefined) throw invalidParameter('fields', this.#text);
      this.#at += name.length;
      return new Map([[name, this.#parseInner()]]);
    }
    if (!this.#take('(')) return undefined;
    const mask = this.parseList();
    if (!this.#take(')')) throw invalidParameter('fields', this.#text);
    return mask;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }
}
