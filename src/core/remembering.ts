/**
 * The same function, which is asked once for each of the keys that come again and again: texts, or objects by identity. At
 * one key more than `maxKeys` all are forgotten, so that it stays a Map that is only read; what the function throws is not
 * remembered.
 */
export function remembering<T, K = string>(of: (key: K) => T, maxKeys: number): (key: K) => T {
  const known = new Map<K, T>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const result = of(key);
    if (known.size >= maxKeys) known.clear();
    known.set(key, result);
    return result;
  };
}
