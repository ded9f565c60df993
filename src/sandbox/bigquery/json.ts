export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object at `key`, or an empty one. */
export function objectAt(from: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = from[key];
  return isObject(value) ? value : {};
}

/** The string at `key` that is not empty, or undefined. */
export function stringAt(from: Record<string, unknown>, key: string): string | undefined {
  const value = from[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Those of `keys` that `from` has. */
export function pick(from: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]));
}

/** `target` with `patch` laid over it as RFC 7386 says: null removes, objects merge, all else replaces. */
export function mergePatch(target: Record<string, unknown>, patch: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = isObject(value) ? mergePatch(objectAt(merged, key), value) : value;
  }
  return merged;
}
