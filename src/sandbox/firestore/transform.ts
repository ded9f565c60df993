import { isDeepStrictEqual } from 'node:util';
import type { FieldTransform, Timestamp, Value } from './messages.ts';
import { invalidArgument, unimplemented } from './rpc-error.ts';

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;

/** Returns an integer as bigint, a double as number; undefined for anything else. */
function numberOf({ integerValue, doubleValue }: Value): bigint | number | undefined {
  return integerValue == null ? (doubleValue ?? undefined) : BigInt(String(integerValue));
}

/** Integers saturate at 64 bits. With a double, the sum is a double. Other values count as missing. */
function increased(current: Value, increment: Value): Value {
  const [number, by] = [numberOf(current), numberOf(increment)];
  if (by === undefined) throw invalidArgument('Input must be int64 or double.');
  if (number === undefined) return increment;
  if (typeof number === 'number' || typeof by === 'number') return { doubleValue: Number(number) + Number(by) };
  const sum = number + by;
  return { integerValue: String(sum > MAX_INTEGER ? MAX_INTEGER : sum < MIN_INTEGER ? MIN_INTEGER : sum) };
}

/** Returns whether an array contains a value. Unlike in the service, 3 and 3.0 differ. */
const includes = (values: readonly Value[], value: Value) => values.some((each) => isDeepStrictEqual(each, value));

/**
 * Applies a transform to a field's value.
 * https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#fieldtransform
 */
export function transform(current: Value = {}, change: FieldTransform, { seconds, nanos }: Required<Timestamp>): Value {
  const elements = current.arrayValue?.values ?? [];
  if (change.setToServerValue) {
    // Documented as milliseconds.
    return { timestampValue: { seconds, nanos: Math.floor(Number(nanos) / 1e6) * 1e6 } };
  }
  if (change.increment) return increased(current, change.increment);
  if (change.appendMissingElements) {
    const values = [...elements];
    for (const value of change.appendMissingElements.values ?? []) if (!includes(values, value)) values.push(value);
    return { arrayValue: { values } };
  }
  if (change.removeAllFromArray) {
    const unwanted = change.removeAllFromArray.values ?? [];
    return { arrayValue: { values: elements.filter((value) => !includes(unwanted, value)) } };
  }
  throw unimplemented('transforms but serverTimestamp, increment, arrayUnion and arrayRemove');
}
