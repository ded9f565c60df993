import type { FieldTransform, Timestamp, Value } from './messages.ts';
import { invalidArgument } from './rpc-error.ts';

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;
const NULL: Value = { valueType: 'nullValue', nullValue: 'NULL_VALUE' };

type NumberValue = Extract<Value, { valueType: 'integerValue' | 'doubleValue' }>;

const isNumber = (value: Value | undefined): value is NumberValue =>
  value?.valueType === 'integerValue' || value?.valueType === 'doubleValue';

const isNaNValue = (value: NumberValue) => value.valueType === 'doubleValue' && Number.isNaN(value.doubleValue);

/** JavaScript compares a bigint with a number exactly. */
const numeric = (value: NumberValue): bigint | number =>
  value.valueType === 'integerValue' ? BigInt(value.integerValue) : value.doubleValue;

function operand(value: Value): NumberValue {
  if (isNumber(value)) return value;
  throw invalidArgument('Input must be int64 or double.');
}

function increased(current: Value | undefined, by: NumberValue): Value {
  if (!isNumber(current)) return by;
  if (current.valueType === 'integerValue' && by.valueType === 'integerValue') {
    const sum = BigInt(current.integerValue) + BigInt(by.integerValue);
    const clamped = sum > MAX_INTEGER ? MAX_INTEGER : sum < MIN_INTEGER ? MIN_INTEGER : sum;
    return { valueType: 'integerValue', integerValue: String(clamped) };
  }
  return { valueType: 'doubleValue', doubleValue: Number(numeric(current)) + Number(numeric(by)) };
}

function extreme(current: Value | undefined, given: NumberValue, sign: 1 | -1): Value {
  if (!isNumber(current) || isNaNValue(given)) return given;
  if (isNaNValue(current)) return current;
  const [left, right] = [numeric(current), numeric(given)];
  return (sign > 0 ? right > left : right < left) ? given : current;
}

/** One text for all values that count as equal in an array: 3 and 3.0 are, NaN and NaN are. */
function equalityKey(value: Value): string {
  switch (value.valueType) {
    case 'doubleValue': {
      const { doubleValue } = value;
      return `number ${Number.isInteger(doubleValue) ? BigInt(doubleValue) : doubleValue}`;
    }
    case 'integerValue':
      return `number ${value.integerValue}`;
    case 'bytesValue':
      return `bytes ${Buffer.from(value.bytesValue).toString('base64')}`;
    case 'arrayValue':
      return JSON.stringify((value.arrayValue.values ?? []).map(equalityKey));
    case 'mapValue': {
      const fields = Object.entries(value.mapValue.fields ?? {}).map(([key, inner]) => [key, equalityKey(inner)]);
      return `map ${JSON.stringify(fields.sort(([left = ''], [right = '']) => (left < right ? -1 : 1)))}`;
    }
    default:
      return JSON.stringify(value);
  }
}

const elementsOf = (value: Value | undefined): readonly Value[] =>
  value?.valueType === 'arrayValue' ? (value.arrayValue.values ?? []) : [];

const arrayOf = (values: readonly Value[]): Value => ({ valueType: 'arrayValue', arrayValue: { values } });

/**
 * What a transform makes of a field's value, and what the write's result says of it.
 * https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#fieldtransform
 */
export function transform(
  current: Value | undefined,
  change: FieldTransform,
  requestTime: Timestamp,
): { value: Value; result: Value } {
  const both = (value: Value) => ({ value, result: value });
  switch (change.transformType) {
    case 'setToServerValue': {
      if (change.setToServerValue !== 'REQUEST_TIME') throw invalidArgument('Unknown server value.');
      const { nanos = 0 } = requestTime; // Documented to be in milliseconds.
      const timestampValue = { ...requestTime, nanos: nanos - (nanos % 1_000_000) };
      return both({ valueType: 'timestampValue', timestampValue });
    }
    case 'increment':
      return both(increased(current, operand(change.increment)));
    case 'maximum':
      return both(extreme(current, operand(change.maximum), 1));
    case 'minimum':
      return both(extreme(current, operand(change.minimum), -1));
    case 'appendMissingElements': {
      const elements = [...elementsOf(current)];
      const known = new Set(elements.map(equalityKey));
      for (const value of change.appendMissingElements.values ?? []) {
        if (!known.has(equalityKey(value))) elements.push(value);
        known.add(equalityKey(value));
      }
      return { value: arrayOf(elements), result: NULL };
    }
    case 'removeAllFromArray': {
      const unwanted = new Set((change.removeAllFromArray.values ?? []).map(equalityKey));
      return { value: arrayOf(elementsOf(current).filter((value) => !unwanted.has(equalityKey(value)))), result: NULL };
    }
    default:
      throw invalidArgument('A field transform needs a transform type.');
  }
}
