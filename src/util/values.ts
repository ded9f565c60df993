/** Sets an own member of any name; assigning to `__proto__` would change the prototype. */
export function setMember(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

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
