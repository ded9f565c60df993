import { unsupported } from '../api.ts';
import { coerce } from './casts.ts';
import { bind, failIf } from './duckdb-sql.ts';
import { BOOL, FLOAT64, INT64, isOrderable, STRING, type Typed } from './types.ts';

/** Writes a DuckDB call with its DISTINCT, ORDER BY and OVER. */
type Over = (name: string, args: string) => string;
/** Returns undefined if the aggregate does not accept the arguments. */
type Aggregate = (args: readonly Typed[], over: Over) => Typed | undefined;

const one =
  (aggregate: (value: Typed, over: Over) => Typed | undefined): Aggregate =>
  ([value, ...rest], over) =>
    value === undefined || rest.length > 0 ? undefined : aggregate(value, over);

/** DuckDB sums 64-bit integers in 128 bits. */
const inInt64 = (sum: string): string =>
  bind([sum], (x) =>
    failIf(
      `${x} NOT BETWEEN -9223372036854775808 AND 9223372036854775807`,
      `'int64 overflow in SUM: ' || ${x}`,
      `CAST(${x} AS BIGINT)`,
    ),
  );
const sum = one(({ sql, type: given }, over) => {
  if (given.name === 'INT64') return { sql: inInt64(over('sum', sql)), type: INT64 };
  if (given.name === 'BIGNUMERIC') throw unsupported('SUM of BIGNUMERIC');
  if (given.name === 'FLOAT64') return { sql: finite('sum', sql, over), type: given };
  return given.name === 'NUMERIC' ? { sql: over('sum', sql), type: given } : undefined;
});
/** The result is infinite only if a value is. */
const finite = (name: string, value: string, over: Over): string =>
  bind([over(name, value), over('bool_or', `isinf(${value})`)], (result, isAny) =>
    failIf(`isinf(${result}) AND NOT ${isAny}`, `'floating point overflow in ${name.toUpperCase()}'`, result),
  );
const average = one((value, over) => {
  if (/NUMERIC$/.test(value.type.name)) throw unsupported(`AVG of ${value.type.name}`);
  const float = coerce(value, FLOAT64);
  return float && { sql: finite('avg', float.sql, over), type: FLOAT64 };
});
/** Returns NaN if any value is NaN or infinite, where DuckDB would fail. */
const spread = (name: string) =>
  one((value, over) => {
    if (/NUMERIC$/.test(value.type.name)) throw unsupported(`${name} of ${value.type.name}`);
    const float = coerce(value, FLOAT64)?.sql;
    if (float === undefined) return undefined;
    const plain = over(name.toLowerCase(), `CASE WHEN isfinite(${float}) THEN ${float} END`);
    const isAny = over('bool_or', `NOT isfinite(${float})`);
    return { sql: `CASE WHEN ${isAny} THEN CAST('NaN' AS DOUBLE) ELSE ${plain} END`, type: FLOAT64 };
  });
/** Any NaN makes the result NaN. DuckDB's max does this because it treats NaN as the greatest. */
const extreme = (name: 'min' | 'max') =>
  one(({ sql, type: given }, over) => {
    if (!isOrderable(given)) return undefined;
    const plain = over(name, sql);
    if (name === 'max' || given.name !== 'FLOAT64') return { sql: plain, type: given };
    const isNan = `isnan(${over('max', sql)})`;
    return { sql: `CASE WHEN ${isNan} THEN CAST('NaN' AS DOUBLE) ELSE ${plain} END`, type: given };
  });
const logical = (name: string) =>
  one((value, over) => {
    const bool = coerce(value, BOOL);
    return bool && { sql: over(name, bool.sql), type: BOOL };
  });
const stringAgg: Aggregate = ([value, by, ...rest], over) => {
  if (value?.type.name !== 'STRING' || rest.length > 0) return undefined;
  if (by !== undefined && by.isText !== true)
    throw unsupported('A separator of STRING_AGG that is not a literal or parameter');
  return { sql: over('string_agg', `${value.sql}, ${by?.sql ?? "','"}`), type: STRING };
};

const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  COUNT: one(({ sql }, over) => ({ sql: over('count', sql), type: INT64 })),
  COUNTIF: one((value, over) => {
    const bool = coerce(value, BOOL);
    // DuckDB's count_if is NULL without rows.
    return bool && { sql: over('count', `CASE WHEN ${bool.sql} THEN 1 END`), type: INT64 };
  }),
  SUM: sum,
  AVG: average,
  MIN: extreme('min'),
  MAX: extreme('max'),
  ANY_VALUE: one(({ sql, type: given }, over) => ({ sql: over('any_value', sql), type: given })),
  LOGICAL_AND: logical('bool_and'),
  LOGICAL_OR: logical('bool_or'),
  STRING_AGG: stringAgg,
  ...Object.fromEntries(
    ['STDDEV', 'STDDEV_SAMP', 'STDDEV_POP', 'VARIANCE', 'VAR_SAMP', 'VAR_POP'].map((name) => [name, spread(name)]),
  ),
};
export const AGGREGATE_NAMES: readonly string[] = Object.keys(AGGREGATES);
export const isAggregate = (name: string): boolean => Object.hasOwn(AGGREGATES, name);

/** Returns the call of an aggregate function other than COUNT(*); undefined if it does not accept such arguments. */
export const callAggregate = (name: string, args: readonly Typed[], over: Over): Typed | undefined =>
  AGGREGATES[name]?.(args, over);

const numbering = (name: string) => (args: readonly Typed[], over: Over) =>
  args.length === 0 ? { sql: over(name, ''), type: INT64 } : undefined;
const neighbor =
  (name: string): Aggregate =>
  ([value, offset, fallback, ...rest], over) => {
    if (value === undefined || rest.length > 0) return undefined;
    const steps = offset && coerce(offset, INT64)?.sql;
    const other = fallback && coerce(fallback, value.type)?.sql;
    if ((offset && !steps) || (fallback && !other)) return undefined;
    const given = [value.sql, steps, other].filter((sql) => sql !== undefined);
    return { sql: over(name, given.join(', ')), type: value.type };
  };
const atEdge = (name: string) => one(({ sql, type: given }, over) => ({ sql: over(name, sql), type: given }));

/** Functions that require OVER. */
const WINDOW_FUNCTIONS: Readonly<Record<string, Aggregate>> = {
  ROW_NUMBER: numbering('row_number'),
  RANK: numbering('rank'),
  DENSE_RANK: numbering('dense_rank'),
  LAG: neighbor('lag'),
  LEAD: neighbor('lead'),
  FIRST_VALUE: atEdge('first_value'),
  LAST_VALUE: atEdge('last_value'),
};
export const WINDOW_FUNCTION_NAMES: readonly string[] = Object.keys(WINDOW_FUNCTIONS);
export const isWindowFunction = (name: string): boolean => Object.hasOwn(WINDOW_FUNCTIONS, name);
export const callWindowFunction = (name: string, args: readonly Typed[], over: Over): Typed | undefined =>
  WINDOW_FUNCTIONS[name]?.(args, over);
/** Returns whether a function requires an ORDER BY in its window. */
export const needsOrder = (name: string): boolean => /^(RANK|DENSE_RANK|LAG|LEAD)$/.test(name);
