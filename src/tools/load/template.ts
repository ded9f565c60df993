/** A text with names in braces, such as `sites/{site}/devices/{device}/readings`. */
export interface Template {
  /** The names that stand in it. */
  readonly names: ReadonlySet<string>;
  fill(values: Readonly<Record<string, string | number>>): string;
}

/**
 * Reads a template. Only the given names in braces are places to fill in; other braces, as JSON has them, stay as they
 * are.
 */
export function templateOf(text: string, names: readonly string[]): Template {
  // With one group, every second part is a name.
  const parts = text.split(new RegExp(`\\{(${names.join('|')})\\}`));
  return {
    names: new Set(parts.filter((_, index) => index % 2 === 1)),
    fill: (values) => parts.map((part, index) => (index % 2 === 1 ? String(values[part]) : part)).join(''),
  };
}
