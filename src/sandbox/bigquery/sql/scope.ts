import { invalidQuery, unsupported } from '../api.ts';
import { quoteName } from '../schema.ts';
import { type SqlType, type Typed, typeOfField } from './types.ts';

/** A column in a query's scope; without a name, only `*` can select it. */
export interface Column extends Typed {
  readonly name: string | undefined;
}

/** A table or subquery of a FROM clause under its alias. */
export interface Range {
  readonly alias: string | undefined;
  readonly columns: readonly Column[];
}

/** The names that an expression can use. */
export interface Scope {
  readonly ranges: readonly Range[];
  /** In the order of `SELECT *`; a column of USING occurs once. */
  readonly columns: readonly Column[];
  /** The scope of the query around a subquery. */
  readonly parent: Scope | undefined;
}

export const EMPTY: Scope = { ranges: [], columns: [], parent: undefined };

export const sameName = (a: string | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase();

/** Resolves a dotted name in this scope or an enclosing one. Throws an ApiError. */
export function resolve(
  scope: Scope,
  names: readonly string[],
  place: string,
): { column: Column; value: Typed; isOwn: boolean } {
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    const found = findIn(level, names, place);
    if (found === undefined) continue;
    const value = found.members.reduce((of: Typed, name) => fieldOf(of, name, place), found.column);
    return { column: found.column, value, isOwn: level === scope };
  }
  const [name = ''] = names;
  if (/^(_PARTITION(TIME|DATE)|_TABLE_SUFFIX)$/i.test(name)) throw unsupported(name.toUpperCase());
  throw invalidQuery(`Unrecognized name: ${name}${place}`);
}

function findIn({ ranges, columns }: Scope, names: readonly string[], place: string) {
  const [first = '', second, ...rest] = names;
  const range = ranges.find(({ alias }) => sameName(alias, first));
  if (range !== undefined && second !== undefined) {
    const column = only(range.columns, second, place);
    if (column !== undefined) return { column, members: rest };
  }
  const column = only(columns, first, place);
  if (column !== undefined) return { column, members: names.slice(1) };
  if (range === undefined) return undefined;
  if (second === undefined) throw unsupported(`A whole row as a value, ${first}`);
  throw invalidQuery(`Name ${second} not found inside ${first}${place}`);
}

function only(columns: readonly Column[], name: string, place: string): Column | undefined {
  const found = columns.filter((column) => sameName(column.name, name));
  if (found.length > 1) throw invalidQuery(`Column name ${name} is ambiguous${place}`);
  return found[0];
}

/** A field of a STRUCT. */
export function fieldOf(of: Typed, name: string, place: string): Typed {
  const { element, fields, name: typeName }: SqlType = of.type;
  if (typeName === 'JSON') throw unsupported(`The field .${name} of a JSON value (JSON_VALUE takes its path)`);
  if (fields === undefined) {
    const what = element === undefined ? typeName : 'ARRAY';
    throw invalidQuery(`Cannot access field ${name} on a value with type ${what}${place}`);
  }
  const field = fields.find((one) => sameName(one.name, name));
  if (field === undefined) throw invalidQuery(`Field name ${name} does not exist in STRUCT${place}`);
  return { sql: `(${of.sql}).${quoteName(field.name)}`, type: typeOfField(field) };
}
