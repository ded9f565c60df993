import { checkDocumentName, idsOf } from './document-name.ts';
import type { Fields, Timestamp, Value } from './messages.ts';
import { invalidArgument } from './rpc-error.ts';

const MAX_DOCUMENT_BYTES = 1_048_576;
const MAX_VALUE_BYTES = MAX_DOCUMENT_BYTES - 89;
const MAX_FIELD_NAME_BYTES = 1500;
const MAX_DEPTH = 20;
/** The one reserved name that clients write: it marks a vector. */
const VECTOR_MARK = '__type__';

/** Timestamps are kept to the microsecond, rounded down. */
const truncated = ({ seconds = '0', nanos = 0 }: Timestamp): Timestamp => ({ seconds, nanos: nanos - (nanos % 1000) });

function storedValue(value: Value, depth: number): Value {
  if (depth > MAX_DEPTH) throw invalidArgument(`Property contains an entity value nested over ${MAX_DEPTH} levels.`);
  switch (value.valueType) {
    case 'nullValue':
    case 'booleanValue':
    case 'integerValue':
    case 'doubleValue':
    case 'stringValue':
    case 'bytesValue':
      return value;
    case 'timestampValue':
      return { ...value, timestampValue: truncated(value.timestampValue) };
    case 'referenceValue':
      checkDocumentName(value.referenceValue);
      return value;
    case 'geoPointValue': {
      const { latitude = 0, longitude = 0 } = value.geoPointValue;
      if (!(Math.abs(latitude) <= 90))
        throw invalidArgument(`Geo point latitude '${latitude}' outside permitted range.`);
      if (!(Math.abs(longitude) <= 180)) {
        throw invalidArgument(`Geo point longitude '${longitude}' outside permitted range.`);
      }
      return { ...value, geoPointValue: { latitude, longitude } };
    }
    case 'arrayValue': {
      const { values = [] } = value.arrayValue;
      if (values.some(({ valueType }) => valueType === 'arrayValue')) {
        throw invalidArgument('Cannot convert an array value in an array value.');
      }
      return { ...value, arrayValue: { values: values.map((element) => storedValue(element, depth + 1)) } };
    }
    case 'mapValue':
      return { ...value, mapValue: { fields: storedFields(value.mapValue.fields, depth + 1) } };
    default:
      throw invalidArgument('Cannot convert firestore.v1.Value with type unset.');
  }
}

/** How long a text or a byte string is; 0 for what is neither. */
function contentBytes(value: Value): number {
  if (value.valueType === 'stringValue') return Buffer.byteLength(value.stringValue);
  return value.valueType === 'bytesValue' ? value.bytesValue.byteLength : 0;
}

/** The fields as they are kept, or INVALID_ARGUMENT. https://cloud.google.com/firestore/quotas#limits */
export function storedFields(fields: Fields = {}, depth = 0): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (/^__.*__$/s.test(name) && !(depth > 0 && name === VECTOR_MARK)) {
        throw invalidArgument(`field name ${name} is reserved`);
      }
      if (name === '') throw invalidArgument('The property.name is the empty string.');
      if (Buffer.byteLength(name) > MAX_FIELD_NAME_BYTES) throw invalidArgument('A field name exceeds 1500 bytes.');
      if (contentBytes(value) > MAX_VALUE_BYTES) {
        throw invalidArgument(`The value of property "${name}" is longer than ${MAX_VALUE_BYTES} bytes.`);
      }
      return [name, storedValue(value, depth)];
    }),
  );
}

const stringBytes = (text: string) => Buffer.byteLength(text) + 1;
const nameBytes = (name: string) => idsOf(name).reduce((sum, id) => sum + stringBytes(id), 16);
const fieldsBytes = (fields: Fields = {}): number =>
  Object.entries(fields).reduce((sum, [name, value]) => sum + stringBytes(name) + valueBytes(value), 0);

function valueBytes(value: Value): number {
  switch (value.valueType) {
    case 'nullValue':
    case 'booleanValue':
      return 1;
    case 'integerValue':
    case 'doubleValue':
    case 'timestampValue':
      return 8;
    case 'geoPointValue':
      return 16;
    case 'stringValue':
      return stringBytes(value.stringValue);
    case 'bytesValue':
      return value.bytesValue.byteLength;
    case 'referenceValue':
      return nameBytes(value.referenceValue);
    case 'arrayValue':
      return (value.arrayValue.values ?? []).reduce((sum, element) => sum + valueBytes(element), 0);
    case 'mapValue':
      return fieldsBytes(value.mapValue.fields) + 32;
  }
}

/** Throws if the document is over 1 MiB, counted as https://cloud.google.com/firestore/docs/storage-size says. */
export function checkDocumentSize(name: string, fields: Fields): void {
  const bytes = nameBytes(name) + fieldsBytes(fields) + 32;
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw invalidArgument(
      `Document '${name}' cannot be written because its size (${bytes} bytes) exceeds the maximum allowed size of ${MAX_DOCUMENT_BYTES} bytes.`,
    );
  }
}
