import { type ApiError, invalidQuery, unsupported } from '../api.ts';
import { scalarType } from '../scalar-types.ts';
import {
  AGGREGATE_NAMES,
  callAggregate,
  callWindowFunction,
  isAggregate,
  isWindowFunction,
  needsOrder,
  WINDOW_FUNCTION_NAMES,
} from './aggregates.ts';
import { castTo, coerce } from './casts.ts';
import { quoteText } from './duckdb-sql.ts';
import { callFunction, FUNCTION_NAMES, isFunction } from './functions.ts';
import { calculate, compare, concatenate, like, negative, unified } from './operators.ts';
import { type Column, fieldOf, resolve, type Scope, sameName } from './scope.ts';
import type { Expression, FunctionCall, Literal, Order, Query, Window } from './syntax.ts';
import { callTimeFunction, extract, isClock, isTimeFunction, shifted, TIME_FUNCTION_NAMES } from './time-functions.ts';
import { BOOL, duckDbName, INT64, isGroupable, isOrderable, namedType, type Typed, type, typeText } from './types.ts';

/** Features that an expression may use at its position in a query. */
export interface Context {
  readonly scope: Scope;
  /** The clause, for messages. */
  readonly clause: string;
  readonly hasAggregates: boolean;
  readonly hasWindows: boolean;
  /** The SQL of the GROUP BY keys; undefined outside grouped queries and within an aggregate. */
  readonly keys: ReadonlySet<string> | undefined;
  /** Names defined by the SELECT list; `isFirst` if they take precedence over columns. */
  readonly aliases: readonly Column[];
  readonly isAliasFirst: boolean;
}

/** State shared by all expressions of a query. */
export interface Surroundings {
  readonly nowMs: number;
  readonly parameter: (key: string | number) => Typed;
  /** ` at [line:column]`. */
  readonly place: (at: number) => string;
  readonly subquery: (query: Query, scope: Scope) => { readonly sql: string; readonly columns: readonly Column[] };
}

const LIST = [...AGGREGATE_NAMES, ...WINDOW_FUNCTION_NAMES, ...FUNCTION_NAMES, ...TIME_FUNCTION_NAMES];
export const ALL_FUNCTION_NAMES: readonly string[] = [...LIST, 'CAST', 'SAFE_CAST', 'EXTRACT'].sort();

const signatureOf = (args: readonly Typed[]): string => args.map((arg) => typeText(arg.type)).join(', ');

export class ExpressionCompiler {
  readonly #about: Surroundings;

  constructor(about: Surroundings) {
    this.#about = about;
  }

  /** Throws an ApiError for expressions that GoogleSQL or the sandbox refuses. */
  compile(expression: Expression, context: Context): Typed {
    if (context.keys === undefined) return this.#plain(expression, context);
    const key = this.#groupKey(expression, { ...context, keys: undefined, hasAggregates: false, hasWindows: false });
    return key !== undefined && context.keys.has(key.sql) ? key : this.#plain(expression, context);
  }

  /** Returns the name of a SELECT-list column without an alias. */
  impliedName(expression: Expression, context: Context): string | undefined {
    if (expression.kind === 'field') return expression.name;
    if (expression.kind !== 'path') return undefined;
    const name = expression.names.at(-1) ?? '';
    const isCall = expression.names.length === 1 && isClock(name.toUpperCase()) && !this.#isColumn(name, context);
    return isCall ? undefined : name;
  }

  /** Compiles a condition of WHERE and similar clauses. */
  condition(expression: Expression, context: Context): string {
    const value = this.compile(expression, context);
    const bool = coerce(value, BOOL);
    if (bool !== undefined) return bool.sql;
    const has = typeText(value.type);
    throw this.#fail(expression.at, `${context.clause} should return type BOOL, but returns ${has}`);
  }

  /** Compiles a key of ORDER BY: NULL, then NaN, sort before all else. */
  orderKey(value: Typed, { at, isDescending, nulls }: Order): string {
    if (!isOrderable(value.type)) {
      throw this.#fail(at, `ORDER BY does not support expressions of type ${typeText(value.type)}`);
    }
    const how = `${isDescending ? 'DESC' : 'ASC'}${nulls === undefined ? '' : ` NULLS ${nulls}`}`;
    const nan = value.type.name === 'FLOAT64' ? `NOT isnan(${value.sql}) ${how}, ` : '';
    return `${nan}${value.sql} ${how}`;
  }

  #fail(at: number, message: string): ApiError {
    return invalidQuery(`${message}${this.#about.place(at)}`);
  }
  #refuse(at: number, what: string): ApiError {
    return this.#fail(at, unsupported(what).message);
  }

  #groupKey(expression: Expression, context: Context): Typed | undefined {
    try {
      return this.#plain(expression, context);
    } catch {
      return undefined;
    }
  }

  #plain(given: Expression, context: Context): Typed {
    const next = (expression: Expression) => this.compile(expression, context);
    const { at } = given;
    switch (given.kind) {
      case 'literal':
        return this.#literal(given);
      case 'typed':
        return this.#typedLiteral(given.type, given.value, at);
      case 'parameter':
        return this.#about.parameter(given.key);
      case 'path':
        return this.#path(given.names, at, context);
      case 'field':
        return fieldOf(next(given.of), given.name, this.#about.place(at));
      case 'interval':
        throw this.#refuse(at, 'An INTERVAL outside of _ADD, _SUB, + and -');
      case 'extract':
        return this.#taken('EXTRACT', [next(given.from)], (args) => args[0] && extract(given.part, args[0]), at);
      case 'cast':
        return this.#cast(next(given.of), given.type, given.isSafe, at);
      case 'negative':
        return this.#operator('-', [next(given.of)], (args) => args[0] && negative(args[0]), at);
      case 'not':
        return this.#operator('NOT', [next(given.of)], ([of]) => bools('NOT', of), at);
      case 'binary':
        return this.#binary(given, context);
      case 'is':
        return this.#is(given, next(given.of));
      case 'between':
        return this.#between(next(given.of), next(given.low), next(given.high), at);
      case 'in':
        return this.#in(given, context);
      case 'case':
        return this.#case(given, context);
      case 'exists':
        return { sql: `EXISTS (${this.#about.subquery(given.query, context.scope).sql})`, type: BOOL };
      case 'subquery':
        return this.#scalar(given.query, context, at);
      case 'array':
        return this.#array(given.items.map(next), at);
      case 'call':
        return this.#call(given, context);
    }
  }

  #literal({ type: name, value, at }: Literal): Typed {
    switch (name) {
      case 'NULL':
        return { sql: 'NULL', type: type('NULL') };
      case 'BOOL':
        return { sql: `CAST('${value.toLowerCase()}' AS BOOLEAN)`, type: BOOL };
      case 'STRING':
        return { sql: quoteText(value), type: type(name), isText: true, literal: value };
      case 'BYTES':
        return { sql: `unhex('${Buffer.from(value, 'latin1').toString('hex')}')`, type: type(name) };
      case 'FLOAT64':
        if (!Number.isFinite(Number(value))) throw this.#fail(at, `Invalid floating point literal: ${value}`);
        return { sql: `CAST(${Object.is(Number(value), -0) ? '-0e0' : Number(value)} AS DOUBLE)`, type: type(name) };
      case 'INT64': {
        const digits = BigInt(value.replace(/^-/, ''));
        const integer = value.startsWith('-') ? -digits : digits;
        if (BigInt.asIntN(64, integer) !== integer) throw this.#fail(at, `Invalid integer literal: ${value}`);
        return { sql: `CAST(${integer} AS BIGINT)`, type: INT64 };
      }
    }
  }

  #typedLiteral(name: string, text: string, at: number): Typed {
    const to = type(name);
    if (to.name === 'BIGNUMERIC') throw this.#refuse(at, 'A BIGNUMERIC literal');
    if (to.name !== 'JSON') return castTo({ sql: quoteText(text), type: type('STRING') }, to);
    const json = scalarType('JSON').read(text, text);
    if (json === undefined) throw this.#fail(at, `Invalid JSON literal: ${text}`);
    return { sql: `CAST(${quoteText(`${json}`)} AS JSON)`, type: to };
  }

  #path(names: readonly string[], at: number, context: Context): Typed {
    const [name = ''] = names;
    const place = this.#about.place(at);
    const alias = this.#alias(names, at, context);
    if (alias !== undefined) return alias;
    if (names.length === 1 && isClock(name.toUpperCase()) && !this.#isColumn(name, context)) {
      const call = callTimeFunction(name.toUpperCase(), [], () => ({ sql: '', type: INT64 }), this.#about.nowMs);
      if (call !== undefined) return call;
    }
    const { column, value, isOwn } = resolve(context.scope, names, place);
    const isGrouped = context.keys?.has(column.sql) ?? true;
    if (isOwn && !isGrouped) {
      const text = names.join('.');
      throw this.#fail(
        at,
        `${context.clause} expression references column ${text} which is neither grouped nor aggregated`,
      );
    }
    return value;
  }

  #isColumn(name: string, { scope }: Context): boolean {
    for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
      if (level.columns.some((column) => sameName(column.name, name))) return true;
    }
    return false;
  }

  /** Returns the SELECT-list item that a name refers to here, if any. */
  #alias(names: readonly string[], at: number, { aliases, isAliasFirst, scope }: Context): Typed | undefined {
    const [name = '', ...members] = names;
    const found = aliases.filter((one) => sameName(one.name, name));
    const [alias] = found;
    if (alias === undefined) return undefined;
    const column = scope.columns.find((one) => sameName(one.name, name));
    const differs = found.some(({ sql }) => sql !== alias.sql);
    if (differs || (column !== undefined && !isAliasFirst && column.sql !== alias.sql)) {
      throw this.#fail(at, `Column name ${name} is ambiguous`);
    }
    return members.reduce((of: Typed, member) => fieldOf(of, member, this.#about.place(at)), alias);
  }

  #operator(
    op: string,
    args: readonly Typed[],
    apply: (args: readonly Typed[]) => Typed | undefined,
    at: number,
  ): Typed {
    const result = apply(args);
    if (result !== undefined) return result;
    throw this.#fail(at, `No matching signature for operator ${op} for argument types: ${signatureOf(args)}`);
  }
  #taken(
    name: string,
    args: readonly Typed[],
    apply: (args: readonly Typed[]) => Typed | undefined,
    at: number,
  ): Typed {
    const result = this.#placed(() => apply(args), at);
    if (result !== undefined) return result;
    throw this.#mismatch(name, args, at);
  }
  #mismatch(name: string, args: readonly Typed[], at: number): ApiError {
    const given = args.length === 0 ? '' : ` for argument types: ${signatureOf(args)}`;
    return this.#fail(at, `No matching signature for function ${name}${given} among those that docs/sandbox.md lists`);
  }
  /** Adds the position to errors thrown by `body`. */
  #placed<T>(body: () => T, at: number): T {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof Error) || / at \[\d+:\d+\]$/.test(error.message)) throw error;
      throw this.#fail(at, error.message);
    }
  }

  #cast(value: Typed, name: string, isSafe: boolean, at: number): Typed {
    return this.#placed(() => castTo(value, namedType(name), isSafe), at);
  }

  #binary({ op, left, right, at }: Expression & { kind: 'binary' }, context: Context): Typed {
    const next = (expression: Expression) => this.compile(expression, context);
    if (right.kind === 'interval') return this.#shift(op, next(left), right, context, at);
    if (op === 'AND' || op === 'OR')
      return this.#operator(op, [next(left), next(right)], (args) => bools(op, ...args), at);
    const apply = ([a, b]: readonly Typed[]) => {
      if (a === undefined || b === undefined) return undefined;
      if (op === '||') return concatenate(a, b);
      if (op === 'LIKE') return like(a, b);
      return /^[+\-*/]$/.test(op) ? calculate(op, a, b) : compare(op, a, b);
    };
    return this.#placed(() => this.#operator(op, [next(left), next(right)], apply, at), at);
  }

  #shift(op: string, left: Typed, interval: Expression & { kind: 'interval' }, context: Context, at: number): Typed {
    if (op !== '+' && op !== '-') throw this.#refuse(at, `The operator ${op} on an INTERVAL`);
    const value = left.type.name === 'DATE' ? castTo(left, type('DATETIME')) : left;
    const compile = (expression: Expression) => this.compile(expression, context);
    return this.#operator(op, [left], () => this.#placed(() => shifted(value, interval, op, compile), at), at);
  }

  #is({ what, at }: Expression & { kind: 'is' }, of: Typed): Typed {
    if (what === 'NULL') return { sql: `(${of.sql} IS NULL)`, type: BOOL };
    return this.#operator(
      `IS ${what}`,
      [of],
      ([value]) => {
        const bool = value && coerce(value, BOOL);
        return bool && { sql: `(${bool.sql} IS ${what})`, type: BOOL };
      },
      at,
    );
  }

  #between(of: Typed, low: Typed, high: Typed, at: number): Typed {
    const apply = () => {
      const [from, to] = [compare('>=', of, low), compare('<=', of, high)];
      return from && to && { sql: `(${from.sql} AND ${to.sql})`, type: BOOL };
    };
    return this.#placed(() => this.#operator('BETWEEN', [of, low, high], apply, at), at);
  }

  #in({ of, among, at }: Expression & { kind: 'in' }, context: Context): Typed {
    const value = this.compile(of, context);
    if ('body' in among) return this.#inQuery(value, among, context, at);
    const items = among.map((item) => this.compile(item, context));
    const apply = () => {
      const all = unified([value, ...items]);
      const isPlain = all !== undefined && all.type.name !== 'FLOAT64' && isOrderable(all.type);
      if (isPlain) return { sql: `(${all.sqls[0]} IN (${all.sqls.slice(1).join(', ')}))`, type: BOOL };
      const equal = items.map((item) => compare('=', value, item)?.sql);
      return equal.includes(undefined) ? undefined : { sql: `(${equal.join(' OR ')})`, type: BOOL };
    };
    return this.#placed(() => this.#operator('IN', [value, ...items], apply, at), at);
  }

  #inQuery(value: Typed, query: Query, context: Context, at: number): Typed {
    const { sql, columns } = this.#about.subquery(query, context.scope);
    const [column, ...others] = columns;
    if (column === undefined || others.length > 0)
      throw this.#fail(at, 'Subquery of type IN must have only one output column');
    if (value.type.name === 'FLOAT64' || column.type.name === 'FLOAT64')
      throw this.#refuse(at, 'IN (SELECT …) of FLOAT64');
    const inner = coerce({ sql: 'q."c0"', type: column.type }, value.type);
    const outer = coerce(value, column.type);
    if (inner !== undefined && isOrderable(value.type)) {
      return { sql: `(${value.sql} IN (SELECT ${inner.sql} FROM (${sql}) AS q))`, type: BOOL };
    }
    if (outer !== undefined && isOrderable(column.type)) return { sql: `(${outer.sql} IN (${sql}))`, type: BOOL };
    throw this.#fail(
      at,
      `Cannot execute IN subquery with uncomparable types ${typeText(value.type)} and ${typeText(column.type)}`,
    );
  }

  #case({ of, branches, otherwise, at }: Expression & { kind: 'case' }, context: Context): Typed {
    const value = of && this.compile(of, context);
    const conditions = branches.map(([when]) =>
      value === undefined
        ? this.condition(when, { ...context, clause: 'CASE' })
        : this.#operator('=', [value, this.compile(when, context)], ([a, b]) => a && b && compare('=', a, b), when.at)
            .sql,
    );
    const given = branches.map(([, then]) => this.compile(then, context));
    const last = otherwise && this.compile(otherwise, context);
    const results = last === undefined ? given : [...given, last];
    const all = unified(results);
    if (all === undefined)
      throw this.#fail(at, `No matching signature for operator CASE for argument types: ${signatureOf(results)}`);
    const whens = conditions.map((condition, index) => `WHEN ${condition} THEN ${all.sqls[index]}`);
    const end = last === undefined ? 'END' : `ELSE ${all.sqls.at(-1)} END`;
    return { sql: `(CASE ${whens.join(' ')} ${end})`, type: all.type };
  }

  #scalar(query: Query, context: Context, at: number): Typed {
    const { sql, columns } = this.#about.subquery(query, context.scope);
    const [column, ...others] = columns;
    if (column !== undefined && others.length === 0) return { sql: `(${sql})`, type: column.type };
    throw this.#fail(
      at,
      'Scalar subquery cannot have more than one column unless using SELECT AS STRUCT to build STRUCT values',
    );
  }

  #array(items: readonly Typed[], at: number): Typed {
    const all = items.length === 0 ? { type: INT64, sqls: [] } : unified(items);
    if (all === undefined || all.type.name === 'ARRAY') {
      throw this.#fail(at, `Array elements of types {${signatureOf(items)}} do not have a common supertype`);
    }
    const array = { name: 'ARRAY', element: all.type };
    return { sql: `CAST([${all.sqls.join(', ')}] AS ${duckDbName(array)})`, type: array };
  }

  #call(call: FunctionCall, context: Context): Typed {
    const { name, at, over, args, isStar, isDistinct, orderBy } = call;
    if (isAggregate(name)) return this.#aggregate(call, context);
    if (isWindowFunction(name)) {
      if (over === undefined) throw this.#fail(at, `Analytic function ${name} requires an OVER clause`);
      if (needsOrder(name) && over.orderBy.length === 0) {
        throw this.#fail(at, `Window ORDER BY is required for analytic function ${name}`);
      }
      if (isStar || isDistinct || orderBy.length > 0) throw this.#refuse(at, `DISTINCT, * or ORDER BY in ${name}()`);
      const values = args.map((arg) => this.compile(arg, context));
      const write = (own: string, list: string) => `${own}(${list}) OVER (${this.#window(over, context, at)})`;
      return this.#taken(name, values, () => callWindowFunction(name, values, write), at);
    }
    if (!isTimeFunction(name) && !isFunction(name)) {
      const refusal = unsupported(`Function not found: ${name}, which`).message;
      throw this.#fail(at, `${refusal}; it takes ${ALL_FUNCTION_NAMES.join(', ')}`);
    }
    if (isStar || isDistinct || orderBy.length > 0 || over !== undefined) {
      throw this.#refuse(at, `DISTINCT, *, ORDER BY or OVER with the function ${name}()`);
    }
    if (isTimeFunction(name)) {
      const compile = (expression: Expression) => this.compile(expression, context);
      const result = this.#placed(() => callTimeFunction(name, args, compile, this.#about.nowMs), at);
      if (result !== undefined) return result;
      throw this.#mismatch(name, [], at);
    }
    const values = args.map((arg) => this.compile(arg, context));
    return this.#taken(name, values, () => callFunction(name, values), at);
  }

  #aggregate({ name, at, over, args, isStar, isDistinct, orderBy }: FunctionCall, context: Context): Typed {
    const isWindow = over !== undefined;
    if (!isWindow && !context.hasAggregates) {
      throw this.#fail(at, `Aggregate function ${name} not allowed in ${context.clause}`);
    }
    if (isStar && name !== 'COUNT') throw this.#fail(at, `Argument * can only be used in COUNT(*)`);
    if (isWindow && (isDistinct || orderBy.length > 0))
      throw this.#refuse(at, `DISTINCT or ORDER BY in ${name}() OVER`);
    if (orderBy.length > 0 && name !== 'STRING_AGG') throw this.#refuse(at, `ORDER BY in ${name}()`);
    const inner = isWindow
      ? context
      : { ...context, keys: undefined, hasAggregates: false, hasWindows: false, clause: `${name}()`, aliases: [] };
    const end = isWindow ? ` OVER (${this.#window(over, context, at)})` : '';
    if (isStar) return { sql: `count(*)${end}`, type: INT64 };
    const values = args.map((arg) => {
      const value = this.compile(arg, inner);
      return value.type.name === 'NULL' ? castTo(value, INT64) : value;
    });
    if (isDistinct && values.some((value) => !isGroupable(value.type))) {
      throw this.#fail(
        at,
        `Aggregate functions with DISTINCT cannot be used with arguments of type ${signatureOf(values)}`,
      );
    }
    const order = orderBy.map((one) => this.orderKey(this.compile(one.by, inner), one)).join(', ');
    const write = (own: string, list: string) =>
      `${own}(${isDistinct ? 'DISTINCT ' : ''}${list}${order === '' ? '' : ` ORDER BY ${order}`})${end}`;
    return this.#taken(name, values, () => callAggregate(name, values, write), at);
  }

  #window({ partitionBy, orderBy, frame }: Window, context: Context, at: number): string {
    if (!context.hasWindows) throw this.#fail(at, `Analytic function not allowed in ${context.clause}`);
    const inner = { ...context, hasWindows: false };
    const groups = partitionBy.map((expression) => {
      const value = this.compile(expression, inner);
      if (isGroupable(value.type)) return value.sql;
      throw this.#fail(expression.at, `Partitioning by expressions of type ${typeText(value.type)} is not allowed`);
    });
    const order = orderBy.map((one) => this.orderKey(this.compile(one.by, inner), one));
    const by = groups.length === 0 ? '' : `PARTITION BY ${groups.join(', ')} `;
    return `${by}${order.length === 0 ? '' : `ORDER BY ${order.join(', ')} `}${frame}`;
  }
}

function bools(op: string, ...args: readonly (Typed | undefined)[]): Typed | undefined {
  const sqls = args.map((arg) => arg && coerce(arg, BOOL)?.sql);
  if (sqls.includes(undefined)) return undefined;
  return { sql: op === 'NOT' ? `(NOT ${sqls[0]})` : `(${sqls.join(` ${op} `)})`, type: BOOL };
}
