/** Longest key that is cached. Devices choose keys, and must not be able to fill the memory with them. */
export const LONGEST_MEMOIZED = 512;

/**
 * Memoizes `of` by key. Clears the cache when it exceeds `maxKeys`, so that hits only read the Map. Errors are not
 * cached.
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
