/** The names of a path: `payload.a["b.c"]` has `payload`, `a` and `b.c`. */
export interface PathParts {
  readonly root: string;
  readonly names: readonly string[];
}

const ROOT = /^[A-Za-z]+(?=\.|\[|$)/;
/** A name after a dot, or any name as a JSON string in brackets. */
const NAME = /\.([^.[\]]+)|\[("(?:[^"\\]|\\.)*")\]/y;

/** Splits a path into its names, or returns a description of its problem. */
export function pathParts(text: string): PathParts | string {
  const root = ROOT.exec(text)?.[0];
  if (root === undefined) return `"${text}" does not begin with a name, such as payload`;
  const names = namesFrom(text, root.length);
  return typeof names === 'string' ? names : { root, names };
}

/** Splits the names of a field inside a document: `a.b`, or `["a.b"]` for a single name with a dot. */
export function fieldNames(text: string): readonly string[] | string {
  return namesFrom(text.startsWith('[') ? text : `.${text}`, 0);
}

function namesFrom(text: string, start: number): readonly string[] | string {
  const names: string[] = [];
  NAME.lastIndex = start;
  while (NAME.lastIndex < text.length) {
    const place = NAME.lastIndex;
    const [, plain, quoted] = NAME.exec(text) ?? [];
    const name = plain ?? (quoted === undefined ? undefined : unquoted(quoted));
    if (name === undefined) return problemAt(text.slice(place));
    names.push(name);
  }
  return names;
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemAt(rest: string): string {
  const index = /^(?:\.[^.[\]]+)?\[(\d+)\]/.exec(rest)?.[1];
  if (index !== undefined) return `write .${index} for an element of a list, instead of [${index}]`;
  if (/^\.(?:\.|\[|$)/.test(rest)) return 'a name is missing after a dot; write [""] for the empty name';
  return `"${rest}" is not a name; quote a name with a dot or a bracket, such as payload["a.b"]`;
}
