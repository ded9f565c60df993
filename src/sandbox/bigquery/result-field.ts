import { DuckDBListType, DuckDBStructType, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { unsupported } from './api-error.ts';
import type { Field, FieldType } from './schema.ts';

const TYPES = new Map<DuckDBTypeId, FieldType>([
  [DuckDBTypeId.VARCHAR, 'STRING'],
  [DuckDBTypeId.BLOB, 'BYTES'],
  [DuckDBTypeId.TINYINT, 'INTEGER'],
  [DuckDBTypeId.SMALLINT, 'INTEGER'],
  [DuckDBTypeId.INTEGER, 'INTEGER'],
  [DuckDBTypeId.BIGINT, 'INTEGER'],
  [DuckDBTypeId.HUGEINT, 'INTEGER'],
  [DuckDBTypeId.UBIGINT, 'INTEGER'],
  [DuckDBTypeId.SQLNULL, 'INTEGER'],
  [DuckDBTypeId.FLOAT, 'FLOAT'],
  [DuckDBTypeId.DOUBLE, 'FLOAT'],
  [DuckDBTypeId.DECIMAL, 'NUMERIC'],
  [DuckDBTypeId.BOOLEAN, 'BOOLEAN'],
  [DuckDBTypeId.TIMESTAMP_TZ, 'TIMESTAMP'],
  [DuckDBTypeId.TIMESTAMP, 'DATETIME'],
  [DuckDBTypeId.DATE, 'DATE'],
  [DuckDBTypeId.TIME, 'TIME'],
]);

/** The column of a result, by its DuckDB type. */
export function resultField(name: string, type: DuckDBType): Field {
  if (type instanceof DuckDBListType) return { ...resultField(name, type.valueType), mode: 'REPEATED' };
  const mode = 'NULLABLE';
  if (type instanceof DuckDBStructType) {
    const fields = type.entryNames.map((entry, at) => {
      const entryType = type.entryTypes[at];
      if (entryType === undefined) throw new Error(`struct field ${entry} has no type`);
      return resultField(entry, entryType);
    });
    return { name, type: 'RECORD', mode, fields };
  }
  const known = type.alias === 'JSON' ? 'JSON' : TYPES.get(type.typeId);
  if (known === undefined) throw unsupported(`A result of the type ${type}`);
  return { name, type: known, mode };
}

/**
 * The columns of a result. DuckDB names an expression without an alias by its text, which no alias can look like; the
 * service names these `f0_`, `f1_` …
 */
export function resultFields(names: readonly string[], types: readonly DuckDBType[]): Field[] {
  let unnamed = 0;
  return names.map((name, at) => {
    const type = types[at];
    if (type === undefined) throw new Error(`column ${name} has no type`);
    return resultField(/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? name : `f${unnamed++}_`, type);
  });
}
