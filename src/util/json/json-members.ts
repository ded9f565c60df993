const QUOTE = '"';
const BACKSLASH = '\\';

/** A member of a JSON object as written, without surrounding whitespace. */
export interface JsonMember {
  readonly name: string;
  /** `"name":value` */
  readonly text: string;
  readonly value: string;
}

/**
 * Returns the members of a JSON object in their written order. The text must be valid: `JSON.parse` has accepted it.
 */
export function jsonMembers(json: string): JsonMember[] {
  const members: JsonMember[] = [];
  let place = json.indexOf('{') + 1;
  for (;;) {
    const start = json.indexOf(QUOTE, place);
    if (start < 0) return members;
    const nameEnd = endOfString(json, start);
    const valueStart = json.indexOf(':', nameEnd) + 1;
    const end = endOfValue(json, valueStart);
    members.push({
      name: JSON.parse(json.slice(start, nameEnd)),
      text: json.slice(start, end).trimEnd(),
      value: json.slice(valueStart, end).trim(),
    });
    if (json[end] !== ',') return members;
    place = end + 1;
  }
}

/**
 * Sets members in a JSON object's text: replaces existing ones in place and appends the others. Everything else stays
 * as written.
 *
 * @param set values by name; a value that JSON omits, such as undefined, removes the member.
 */
export function withMembers(json: string, set: Readonly<Record<string, unknown>>): string {
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(set)) {
    const written = JSON.stringify(value);
    texts.set(name, written === undefined ? '' : `${JSON.stringify(name)}:${written}`);
  }
  const parts: string[] = [];
  const placed = new Set<string>();
  for (const { name, text } of jsonMembers(json)) {
    const replaced = texts.get(name);
    if (replaced === undefined) parts.push(text);
    else if (!placed.has(name) && replaced !== '') parts.push(replaced);
    placed.add(name);
  }
  for (const [name, text] of texts) if (!placed.has(name) && text !== '') parts.push(text);
  return `{${parts.join(',')}}`;
}

/** Returns the end of the string that starts with the quote at `start`. */
function endOfString(json: string, start: number): number {
  let end = start;
  do {
    end = json.indexOf(QUOTE, end + 1);
  } while (isEscaped(json, end));
  return end + 1;
}

function isEscaped(json: string, place: number): boolean {
  let first = place;
  while (json[first - 1] === BACKSLASH) first -= 1;
  return (place - first) % 2 === 1;
}

/** Returns the index of the comma or brace after a member's value. */
function endOfValue(json: string, start: number): number {
  let depth = 0;
  for (let place = start; place < json.length; place += 1) {
    const character = json[place];
    if (character === QUOTE) place = endOfString(json, place) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (depth === 0 && (character === ',' || character === '}')) return place;
    else if (character === '}' || character === ']') depth -= 1;
  }
  return json.length;
}
