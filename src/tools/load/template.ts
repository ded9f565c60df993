/** A text with names in braces, such as `sites/{site}/devices/{device}/readings`. */
export interface Template {
  /** The names it contains. */
  readonly names: ReadonlySet<string>;
  fill(values: Readonly<Record<string, string | number>>): string;
}

/** Compiles a template. Replaces only the given names in braces; other braces, as in JSON, stay. */
export function templateOf(text: string, names: readonly string[]): Template {
  // With one group, every second part is a name.
  const parts = text.split(new RegExp(`\\{(${names.join('|')})\\}`));
  return {
    names: new Set(parts.filter((_, index) => index % 2 === 1)),
    fill: (values) => parts.map((part, index) => (index % 2 === 1 ? String(values[part]) : part)).join(''),
  };
}
