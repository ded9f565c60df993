/**
 * Freezes a value and everything in it, in place, and returns it: a write throws from then on. Bytes stay writable, since
 * JavaScript cannot freeze them.
 */
export function deepFreeze<T>(value: T): T {
  // Not recursive: data that others have stored may be nested deeper than the stack.
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null || ArrayBuffer.isView(next)) continue;
    Object.freeze(next);
    for (const member of Object.values(next)) waiting.push(member);
  }
  return value;
}
