import { PoisonError } from './errors.ts';

/**
 * Checks what a function of a pipeline's `hooks.ts` returned, where plain data is expected: types are not there any
 * more when it runs, and a Promise would pass for an object without members.
 *
 * @throws PoisonError (`hook_failed`), which costs the message at hand.
 */
export function plainObject<T extends object>(hook: string, result: T): T {
  const value: unknown = result;
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !('then' in value)) return result;
  const given = typeof value === 'object' && value !== null && 'then' in value ? 'a Promise' : typeof value;
  throw new PoisonError('hook_failed', `the ${hook} must return an object, and returned ${given}`);
}
