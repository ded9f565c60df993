import { isJsonObject, parseExact } from '../util/json/lossless-json.ts';
import { PoisonError, type PoisonReason, RetryableError, toError } from './errors.ts';

/** The result of a hook that drops a message: acknowledged and counted as dropped, without going anywhere. */
export const drop: unique symbol = Symbol.for('dataflow-services.drop');
export type Drop = typeof drop;

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/**
 * Converts a hook's failure: a RetryableError is an outage, a PoisonError keeps its reason, anything else is
 * `hook_failed`. The error text names the hook. Errors are also recognized by name, because a pipeline may throw those
 * of another copy of this module.
 */
export function hookError(hook: string, thrown: unknown): PoisonError | RetryableError {
  const error = toError(thrown);
  const message = `the ${hook} failed: ${error.message}`;
  if (error.name === 'RetryableError') return new RetryableError(message, { cause: thrown });
  return new PoisonError(reasonOf(error), message, { cause: thrown });
}

function reasonOf(error: Error): PoisonReason {
  return error instanceof PoisonError ? error.reason : 'hook_failed';
}

/**
 * Calls a hook that must return synchronously.
 *
 * @throws PoisonError or RetryableError, also if the hook returns a Promise, whose rejection is ignored.
 */
export function callSync<T>(hook: string, call: () => T): T {
  let result: T;
  try {
    result = call();
  } catch (thrown) {
    throw hookError(hook, thrown);
  }
  if (!isPromise(result)) return result;
  result.then(undefined, () => {});
  throw new PoisonError('hook_failed', `the ${hook} cannot be asynchronous, but returned a Promise`);
}

/**
 * Checks that a hook returned plain data, since types are gone at run time.
 *
 * @throws PoisonError (`hook_failed`), which affects only the current message.
 */
export function plainObject<T extends object>(hook: string, result: T): T {
  const value: unknown = result;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return result;
  throw new PoisonError('hook_failed', `the ${hook} must return an object, but returned ${kindOf(value)}`);
}

/**
 * Copies a hook's result through JSON, so that it is the same wherever it is cached, and the hook keeps its own object:
 * dates become strings, undefined members are omitted.
 *
 * @throws PoisonError (`hook_failed`) unless it is a plain object that JSON can represent.
 */
export function plainData(hook: string, result: unknown): Readonly<Record<string, unknown>> {
  if (!isPlain(result)) {
    throw new PoisonError('hook_failed', `the ${hook} must return a plain object or undefined, not ${kindOf(result)}`);
  }
  let copy: unknown;
  try {
    copy = parseExact(JSON.stringify(result));
  } catch (thrown) {
    const problem = `the ${hook} returned a value that JSON cannot represent: ${toError(thrown).message}`;
    throw new PoisonError('hook_failed', problem, { cause: thrown });
  }
  if (isJsonObject(copy)) return copy;
  throw new PoisonError('hook_failed', `the ${hook} must return a plain object: in JSON it is ${kindOf(copy)}`);
}

/** True for an object literal or an object without a prototype, from any realm. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** @throws PoisonError (`hook_failed`) unless a hook has returned a string. */
export function stringResult(hook: string, result: unknown): string {
  if (typeof result === 'string') return result;
  throw new PoisonError('hook_failed', `the ${hook} must return a string, but returned ${kindOf(result)}`);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && !isPlain(value)) return `an instance of ${value.constructor.name}`;
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}
