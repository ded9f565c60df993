/**
 * Freezes a value and everything in it, in place, and returns it. Later writes throw. Bytes stay writable, because
 * JavaScript cannot freeze them.
 */
export function deepFreeze<T>(value: T): T {
  // Iterative, because stored data may be nested deeper than the stack.
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null || ArrayBuffer.isView(next)) continue;
    Object.freeze(next);
    for (const member of Object.values(next)) waiting.push(member);
  }
  return value;
}
