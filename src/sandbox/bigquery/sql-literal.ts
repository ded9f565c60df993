import { invalid, invalidQuery } from './api-error.ts';
import { parseTimestamp } from './cell-text.ts';
import { isObject, objectAt } from './json.ts';
import { duckDbScalar, fieldType, quoteName } from './schema.ts';

export const sqlString = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A DuckDB expression with the value of a query parameter; `type` and `value` are as in a QueryParameter. */
export function parameterLiteral(type: Record<string, unknown>, value: Record<string, unknown>): string {
  return `(CAST(${expression(type, value)} AS ${typeName(type)}))`;
}

function typeName(type: Record<string, unknown>): string {
  const name = String(type.type).toUpperCase();
  if (name === 'ARRAY') return `${typeName(objectAt(type, 'arrayType'))}[]`;
  if (name === 'STRUCT') {
    const members = structTypes(type).map((member) => `${quoteName(member.name)} ${typeName(member.type)}`);
    return `STRUCT(${members.join(', ')})`;
  }
  const known = fieldType(name);
  if (known === undefined || known === 'RECORD') throw invalidQuery(`Invalid parameter type: ${type.type}`);
  return duckDbScalar(known);
}

function structTypes(type: Record<string, unknown>): { name: string; type: Record<string, unknown> }[] {
  const members = Array.isArray(type.structTypes) ? type.structTypes : [];
  return members.filter(isObject).map((member) => ({ name: String(member.name), type: objectAt(member, 'type') }));
}

function expression(type: Record<string, unknown>, value: Record<string, unknown>): string {
  const name = String(type.type).toUpperCase();
  if (name === 'ARRAY') {
    const items = Array.isArray(value.arrayValues) ? value.arrayValues.filter(isObject) : [];
    return `[${items.map((item) => parameterLiteral(objectAt(type, 'arrayType'), item)).join(', ')}]`;
  }
  if (name === 'STRUCT') {
    const values = objectAt(value, 'structValues');
    const members = structTypes(type).map(
      (member) => `${quoteName(member.name)} := ${parameterLiteral(member.type, objectAt(values, member.name))}`,
    );
    return `struct_pack(${members.join(', ')})`;
  }
  if (value.value === undefined || value.value === null) return 'NULL';
  if (typeof value.value === 'object') throw invalid("Invalid value at 'query_parameters[].parameter_value.value'");
  // The client sends numbers and booleans as such.
  const text = String(value.value);
  if (name === 'BYTES') return `from_base64(${sqlString(text)})`;
  if (name === 'TIMESTAMP') {
    const micros = parseTimestamp(text);
    if (micros === undefined) throw invalidQuery(`Invalid value for TIMESTAMP parameter: ${text}`);
    return `make_timestamptz(${micros})`;
  }
  return sqlString(text);
}
