/** Characters of the longest key that is remembered: devices make up keys, and none may fill the memory with them. */
export const LONGEST_MEMOIZED = 512;

/**
 * The same function, which is asked once for each of the keys that come again and again. At one key more than `maxKeys`
 * all are forgotten, so that it stays a Map that is only read; what the function throws is not remembered.
 */
export function memoize<T>(of: (key: string) => T, maxKeys: number): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const result = of(key);
    if (key.length > LONGEST_MEMOIZED) return result;
    if (known.size >= maxKeys) known.clear();
    known.set(key, result);
    return result;
  };
}
