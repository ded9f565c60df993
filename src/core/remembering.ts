/**
 * The same function of a text, which is asked once for each of the texts that come again and again. At one text more than
 * `maxTexts` all are forgotten, so that it stays a Map that is only read; what the function throws is not remembered.
 */
export function remembering<T>(of: (text: string) => T, maxTexts: number): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const result = of(text);
    if (known.size >= maxTexts) known.clear();
    known.set(text, result);
    return result;
  };
}
