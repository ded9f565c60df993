import { ApiError, invalidQuery, unsupported } from '../api.ts';
import { type Field, quoteName } from '../schema.ts';
import { isAggregate } from './aggregates.ts';
import { coerce } from './casts.ts';
import { type Context, ExpressionCompiler } from './compile-expression.ts';
import { failIf } from './duckdb-sql.ts';
import { compare, unified } from './operators.ts';
import { parseQuery } from './parse-query.ts';
import { type Column, EMPTY, type Range, type Scope, sameName } from './scope.ts';
import type { Expression, From, Order, Query, QueryBody, Select } from './syntax.ts';
import { placeOf } from './tokens.ts';
import { commonType, fieldOf, INT64, isGroupable, NULL, type Typed, typeOfField, typeText } from './types.ts';

/** A table that a query may read. */
export interface QueryTable {
  readonly sqlName: string;
  readonly fields: readonly Field[];
}

export interface QueryEnvironment {
  /** The wall clock of CURRENT_TIMESTAMP, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Returns the table of a name with one to three parts; throws an ApiError if there is none. */
  readonly table: (path: readonly string[]) => QueryTable;
  /** Returns the value of `@name` (in lower case) or of the nth `?`; throws an ApiError if there is none. */
  readonly parameter: (key: string | number) => Typed;
}

/** A query in DuckDB's SQL; its columns are named c0, c1, … */
interface Compiled {
  readonly sql: string;
  readonly columns: readonly Column[];
}
type Ctes = ReadonlyMap<string, Compiled>;

/**
 * Compiles a GoogleSQL query for DuckDB: parses it, determines the type of every expression, and writes equivalent SQL.
 * Throws an ApiError for what GoogleSQL refuses, and for anything outside the subset in docs/sandbox.md.
 */
export function compileQuery(sql: string, environment: QueryEnvironment): { sql: string; fields: Field[] } {
  const compiled = withPointer(() => new QueryCompiler(sql, environment).query(parseQuery(sql), new Map(), undefined));
  let unnamed = 0;
  const names = compiled.columns.map(({ name }) => name ?? `f${unnamed++}_`);
  const isRepeated = (name: string, at: number) => names.findIndex((other) => sameName(other, name)) !== at;
  const repeated = names.filter(isRepeated);
  if (repeated.length > 0) {
    throw invalidQuery(
      `Duplicate column names in the result are not supported. Found duplicate(s): ${repeated.join(', ')}`,
    );
  }
  return { sql: compiled.sql, fields: compiled.columns.map(({ type }, at) => fieldOf(names[at] ?? '', type)) };
}

/** Adds a pointer to the supported SQL to the sandbox's own refusals. */
function withPointer<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    const isOwn = error instanceof ApiError && error.message.includes(unsupported('').message);
    throw isOwn ? invalidQuery(`${error.message}; docs/sandbox.md lists the SQL that it takes`) : error;
  }
}

class QueryCompiler {
  readonly #sql: string;
  readonly #environment: QueryEnvironment;
  readonly #expressions: ExpressionCompiler;
  #aliases = 0;
  #ctes: Ctes = new Map();

  constructor(sql: string, environment: QueryEnvironment) {
    this.#sql = sql;
    this.#environment = environment;
    const place = (at: number) => placeOf(sql, at);
    // Compiled once per scope: an expression keeps its SQL, as GROUP BY requires.
    const compiled = new Map<Query, { scope: Scope; result: Compiled }>();
    const subquery = (query: Query, scope: Scope) => {
      const known = compiled.get(query);
      if (known?.scope === scope) return known.result;
      const result = this.query(query, this.#ctes, scope);
      compiled.set(query, { scope, result });
      return result;
    };
    this.#expressions = new ExpressionCompiler({ ...environment, place, subquery });
  }

  query({ ctes, body, orderBy, limit, offset }: Query, outer: Ctes, parent: Scope | undefined): Compiled {
    const known = new Map(outer);
    const withs: string[] = [];
    const names = new Set<string>();
    for (const { name, query } of ctes) {
      const key = name.toLowerCase();
      if (names.size === names.add(key).size) throw invalidQuery(`Duplicate alias ${name} for WITH subquery`);
      const compiled = this.query(query, known, parent);
      const own = this.#alias('w');
      withs.push(`${own} AS (${compiled.sql})`);
      known.set(key, { sql: own, columns: compiled.columns });
    }
    const saved = this.#ctes;
    this.#ctes = known;
    try {
      const result = this.#ordered(body, orderBy, parent);
      const bounds = `${this.#bound('LIMIT', limit)}${this.#bound('OFFSET', offset)}`;
      const prefix = withs.length === 0 ? '' : `WITH ${withs.join(', ')} `;
      return { sql: `${prefix}${result.sql}${bounds}`, columns: result.columns };
    } finally {
      this.#ctes = saved;
    }
  }

  #alias(prefix: string): string {
    this.#aliases += 1;
    return `${prefix}${this.#aliases}`;
  }
  #fail(at: number, message: string): ApiError {
    return invalidQuery(`${message}${placeOf(this.#sql, at)}`);
  }

  #bound(name: string, value: Expression | undefined): string {
    if (value === undefined) return '';
    const isLiteral = value.kind === 'literal' && value.type === 'INT64' && !value.value.startsWith('-');
    const isTaken = isLiteral || value.kind === 'parameter';
    const bound = isTaken ? coerce(this.#expressions.compile(value, contextOf(EMPTY, name)), INT64) : undefined;
    if (bound === undefined) throw this.#fail(value.at, `${name} expects a non-negative integer literal or parameter`);
    const isNone = `${bound.sql} IS NULL OR ${bound.sql} < 0`;
    return ` ${name} ${isLiteral ? bound.sql : failIf(isNone, `'${name} must be a non-negative integer'`, bound.sql)}`;
  }

  #ordered(body: QueryBody, orderBy: readonly Order[], parent: Scope | undefined): Compiled {
    if (body.kind === 'select' && !body.isDistinct) return this.#select(body, orderBy, parent);
    const inner = this.#body(body, parent);
    if (orderBy.length === 0) return inner;
    // After DISTINCT and set operations, only result columns can be used in ORDER BY.
    const own = this.#alias('t');
    const columns = inner.columns.map((column, at) => ({ ...column, sql: `${own}."c${at}"` }));
    const scope = { ranges: [], columns, parent };
    const keys = orderBy.map((order) => {
      const place = ordinal(order.by);
      return this.#expressions.orderKey(
        place === undefined
          ? this.#expressions.compile(order.by, contextOf(scope, 'ORDER BY'))
          : this.#at(columns, place, order.at, 'ORDER BY'),
        order,
      );
    });
    return { sql: `SELECT ${own}.* FROM (${inner.sql}) AS ${own} ORDER BY ${keys.join(', ')}`, columns: inner.columns };
  }

  #at<T>(items: readonly T[], place: number, at: number, clause: string): T {
    const item = items[place - 1];
    if (item === undefined)
      throw this.#fail(
        at,
        `${clause} column number item is out of range. Column numbers must be between 1 and ${items.length}, inclusive`,
      );
    return item;
  }

  #body(body: QueryBody, parent: Scope | undefined): Compiled {
    if (body.kind === 'select') return this.#select(body, [], parent);
    if (body.kind === 'query') {
      const { sql, columns } = this.query(body, this.#ctes, parent);
      return { sql: `(${sql})`, columns };
    }
    const [left, right] = [this.#body(body.left, parent), this.#body(body.right, parent)];
    const counts = [left.columns.length, right.columns.length];
    if (counts[0] !== counts[1]) {
      throw this.#fail(
        body.at,
        `Queries in ${body.op} have mismatched column count; query 1 has ${counts[0]} columns, query 2 has ${counts[1]} columns`,
      );
    }
    const types = left.columns.map(({ type: one }, at) => {
      const other = right.columns[at]?.type ?? NULL;
      const common = commonType([one, other]);
      if (common !== undefined && (body.op === 'UNION ALL' || isGroupable(common)))
        return common.name === 'NULL' ? INT64 : common;
      throw this.#fail(
        body.at,
        `Column ${at + 1} in ${body.op} has incompatible types: ${typeText(one)}, ${typeText(other)}`,
      );
    });
    const sides = [left, right].map(({ sql, columns }) => {
      const own = this.#alias('t');
      const items = types.map((type, at) => {
        const column = { sql: `${own}."c${at}"`, type: columns[at]?.type ?? NULL };
        return `${coerce(column, type)?.sql} AS c${at}`;
      });
      return `(SELECT ${items.join(', ')} FROM (${sql}) AS ${own})`;
    });
    const columns = left.columns.map(({ name }, at) => ({ name, sql: `"c${at}"`, type: types[at] ?? NULL }));
    const op = body.op.replace(' DISTINCT', '');
    return { sql: sides.join(` ${op} `), columns };
  }

  #select(select: Select, orderBy: readonly Order[], parent: Scope | undefined): Compiled {
    if (select.from === undefined) this.#checkWithoutFrom(select, orderBy);
    const from = select.from && this.#from(select.from, parent);
    const scope = from?.scope ?? { ...EMPTY, parent };
    const compile = (expression: Expression, context: Context) => this.#expressions.compile(expression, context);
    const where = select.where && this.#expressions.condition(select.where, contextOf(scope, 'WHERE clause'));
    const isGrouped =
      select.groupBy.length > 0 || select.having !== undefined || hasAggregate([select.items, orderBy, select.qualify]);
    const keys = isGrouped ? this.#groupKeys(select, scope) : undefined;
    const context: Context = { ...contextOf(scope, 'SELECT list'), hasAggregates: true, hasWindows: true, keys };
    const items = select.items.flatMap((item): Column[] => {
      if (item.kind === 'star') return this.#star(item, scope, keys);
      const { sql, type } = compile(item.value, context);
      return [{ name: item.alias ?? this.#expressions.impliedName(item.value, context), sql, type }];
    });
    if (items.length === 0) throw this.#fail(select.at, 'SELECT list is empty after EXCEPT');
    for (const { type } of select.isDistinct ? items : []) {
      if (!isGroupable(type))
        throw this.#fail(select.at, `Column of type ${typeText(type)} cannot be used in SELECT DISTINCT`);
    }
    const named = { ...context, aliases: items };
    const having =
      select.having &&
      this.#expressions.condition(select.having, { ...named, clause: 'HAVING clause', hasWindows: false });
    const qualify =
      select.qualify && this.#expressions.condition(select.qualify, { ...named, clause: 'QUALIFY clause' });
    const order = orderBy.map((one): [Typed, Order] => {
      const place = ordinal(one.by);
      const by = { ...named, clause: 'ORDER BY clause', isAliasFirst: true };
      return [place === undefined ? compile(one.by, by) : this.#at(items, place, one.at, 'ORDER BY'), one];
    });
    if (having !== undefined && !(select.groupBy.length > 0 || hasAggregate([select.items, select.having]))) {
      throw this.#fail(select.at, 'The HAVING clause requires GROUP BY or aggregation to be present');
    }
    if (qualify !== undefined && !hasWindow([select.items, select.qualify])) {
      throw this.#fail(select.at, 'The QUALIFY clause requires analytic function to be present');
    }
    if (having !== undefined && hasWindow([select.items, orderBy, select.qualify])) {
      throw this.#fail(select.at, unsupported('HAVING together with OVER in one SELECT').message);
    }
    const groups = select.groupBy.length === 0 ? undefined : [...(keys ?? [])].join(', ');
    const clauses = { from: from?.sql, where, groups };
    const filters = [having, qualify].filter((one) => one !== undefined);
    const sql = isGrouped
      ? this.#groupedSql(select, items, clauses, filters, order)
      : plainSql(
          select,
          items,
          clauses,
          qualify,
          order.map(([value, one]) => this.#expressions.orderKey(value, one)),
        );
    return { sql, columns: items.map(({ name, type }, at) => ({ name, sql: `"c${at}"`, type })) };
  }

  #checkWithoutFrom(
    { at, isDistinct, where, groupBy, having, qualify, items }: Select,
    orderBy: readonly Order[],
  ): void {
    const clauses: [name: string, isThere: boolean][] = [
      ['use SELECT DISTINCT', isDistinct],
      ['have a WHERE clause', where !== undefined],
      ['have a GROUP BY clause', groupBy.length > 0],
      ['have a HAVING clause', having !== undefined],
      ['have a QUALIFY clause', qualify !== undefined],
      ['have an ORDER BY clause', orderBy.length > 0],
      ['use aggregation', hasAggregate(items)],
      ['use analytic functions', hasWindow(items)],
    ];
    const found = clauses.find(([, isThere]) => isThere);
    if (found !== undefined) throw this.#fail(at, `Query without FROM clause cannot ${found[0]}`);
  }

  /**
   * HAVING, QUALIFY and ORDER BY of a grouped query read its columns from outside, because DuckDB accepts no lambda of
   * aggregates there. Rows stay if all `filters` are true.
   */
  #groupedSql(
    select: Select,
    items: readonly Column[],
    clauses: Clauses,
    filters: readonly string[],
    order: readonly (readonly [Typed, Order])[],
  ): string {
    const own = this.#alias('t');
    const hidden = [
      ...filters.map((sql, at) => `${sql} AS h${at}`),
      ...order.map(([{ sql }], at) => `${sql} AS o${at}`),
    ];
    const inner = `${listSql(select, items, hidden)}${clausesSql(clauses)}`;
    if (hidden.length === 0) return inner;
    const keys = order.map(([{ type }, one], at) => this.#expressions.orderKey({ sql: `${own}."o${at}"`, type }, one));
    const columns = items.map((_, at) => `${own}."c${at}"`).join(', ');
    const where = filters.map((_, at) => `${own}."h${at}"`).join(' AND ');
    const rest = `${where === '' ? '' : ` WHERE ${where}`}${keys.length === 0 ? '' : ` ORDER BY ${keys.join(', ')}`}`;
    return `SELECT ${columns} FROM (${inner}) AS ${own}${rest}`;
  }

  #star(item: Select['items'][number] & { kind: 'star' }, { ranges, columns }: Scope, keys: Context['keys']): Column[] {
    const { of, except, at } = item;
    const range = ranges.find(({ alias }) => of !== undefined && sameName(alias, of));
    if (of !== undefined && range === undefined) throw this.#fail(at, `Unrecognized name: ${of}`);
    const all = range?.columns ?? columns;
    if (all.length === 0) throw this.#fail(at, 'SELECT * must have a FROM clause');
    const missing = except.find((name) => !all.some((column) => sameName(column.name, name)));
    if (missing !== undefined) throw this.#fail(at, `Column ${missing} in SELECT * EXCEPT list does not exist`);
    const kept = all.filter((column) => !except.some((name) => sameName(column.name, name)));
    const bare = kept.find(({ sql }) => keys !== undefined && !keys.has(sql));
    if (bare === undefined) return kept;
    throw this.#fail(
      at,
      `SELECT list expression references column ${bare.name} which is neither grouped nor aggregated`,
    );
  }

  #groupKeys({ groupBy, items }: Select, scope: Scope): ReadonlySet<string> {
    const context = contextOf(scope, 'GROUP BY clause');
    const keys = groupBy.map((expression) => {
      const place = ordinal(expression);
      const item =
        place === undefined ? this.#aliased(expression, items) : this.#at(items, place, expression.at, 'GROUP BY');
      if (item?.kind === 'star')
        throw this.#fail(expression.at, 'GROUP BY by the number of a * is not supported by the local sandbox');
      const named = item === undefined ? undefined : this.#expressions.compile(item.value, context);
      const column = place === undefined ? this.#tryCompile(expression, context) : undefined;
      if (named !== undefined && column !== undefined && named.sql !== column.sql) {
        throw this.#fail(
          expression.at,
          'Name in GROUP BY is ambiguous: it is a column and another alias in the SELECT list',
        );
      }
      const key = named ?? this.#expressions.compile(expression, context);
      if (isGroupable(key.type)) return key.sql;
      throw this.#fail(expression.at, `Grouping by expressions of type ${typeText(key.type)} is not allowed`);
    });
    return new Set(keys);
  }
  #aliased(expression: Expression, items: Select['items']) {
    if (expression.kind !== 'path' || expression.names.length > 1) return undefined;
    return items.find((item) => item.kind === 'item' && sameName(item.alias, expression.names[0] ?? ''));
  }
  #tryCompile(expression: Expression, context: Context): Typed | undefined {
    try {
      return this.#expressions.compile(expression, context);
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  #from(from: From, parent: Scope | undefined): { sql: string; scope: Scope } {
    switch (from.kind) {
      case 'join':
        return this.#join(from, parent);
      case 'from-query':
        return this.#range(this.query(from.query, this.#ctes, parent), from.alias, parent);
      case 'table': {
        const [name = ''] = from.path;
        const cte = from.path.length === 1 ? this.#ctes.get(name.toLowerCase()) : undefined;
        if (cte !== undefined)
          return this.#range({ ...cte, sql: `SELECT * FROM ${cte.sql}` }, from.alias ?? name, parent);
        const table = this.#table(from.path, from.at);
        const own = this.#alias('t');
        const columns = table.fields.map((field) => ({
          name: field.name,
          sql: `${own}.${quoteName(field.name)}`,
          type: typeOfField(field),
        }));
        const ranges: Range[] = [{ alias: from.alias ?? from.path.at(-1), columns }];
        return { sql: `${table.sqlName} AS ${own}`, scope: { ranges, columns, parent } };
      }
    }
  }
  #range({ sql, columns }: Compiled, alias: string | undefined, parent: Scope | undefined) {
    const own = this.#alias('t');
    const visible = columns.map((column, at) => ({ ...column, sql: `${own}."c${at}"` }));
    return { sql: `(${sql}) AS ${own}`, scope: { ranges: [{ alias, columns: visible }], columns: visible, parent } };
  }
  #table(path: readonly string[], at: number): QueryTable {
    const name = path.join('.');
    const special = path.find((part) => part.toUpperCase() === 'INFORMATION_SCHEMA')?.toUpperCase();
    const what = special ?? (/[*$@]/.test(name) ? `A wildcard or decorator in ${name}` : undefined);
    if (what !== undefined) throw this.#fail(at, unsupported(what).message);
    return this.#environment.table(path);
  }

  #join({ join, left: first, right: second, on, using, at }: From & { kind: 'join' }, parent: Scope | undefined) {
    const [left, right] = [this.#from(first, parent), this.#from(second, parent)];
    const twice = left.scope.ranges.find(
      ({ alias = '' }) => alias !== '' && right.scope.ranges.some((one) => sameName(one.alias, alias)),
    );
    if (twice !== undefined) throw this.#fail(at, `Duplicate table alias ${twice.alias} in the same FROM clause`);
    const ranges = [...left.scope.ranges, ...right.scope.ranges];
    const both: Scope = { ranges, columns: [...left.scope.columns, ...right.scope.columns], parent };
    if (join === 'CROSS') return { sql: `(${left.sql} CROSS JOIN ${right.sql})`, scope: both };
    if (on !== undefined) {
      const condition = this.#expressions.condition(on, contextOf(both, 'JOIN ON clause'));
      return { sql: `(${left.sql} ${join} JOIN ${right.sql} ON ${condition})`, scope: both };
    }
    const merged = using.map((name) => this.#merged(name, join, left.scope, right.scope, at));
    const isMerged = (column: Column) => using.some((name) => sameName(column.name, name));
    const others = both.columns.filter((column) => !isMerged(column));
    const condition = merged.map((one) => one.condition).join(' AND ');
    const columns = [...merged.map(({ column }) => column), ...others];
    return { sql: `(${left.sql} ${join} JOIN ${right.sql} ON ${condition})`, scope: { ranges, columns, parent } };
  }
  #merged(name: string, join: string, left: Scope, right: Scope, at: number) {
    const [a, b] = [left, right].map(({ columns }, side) => {
      const found = columns.filter((column) => sameName(column.name, name));
      if (found.length > 1) throw this.#fail(at, `Column ${name} in USING clause is ambiguous`);
      if (found[0] === undefined)
        throw this.#fail(
          at,
          `Column ${name} in USING clause not found on ${side === 0 ? 'left' : 'right'} side of join`,
        );
      return found[0];
    });
    const condition = a && b && compare('=', a, b);
    const all = a && b && unified([a, b]);
    if (a === undefined || b === undefined || condition === undefined || all === undefined) {
      throw this.#fail(at, `Column ${name} in USING has types that do not compare`);
    }
    const sql = join === 'FULL' ? `coalesce(${all.sqls})` : ((join === 'RIGHT' ? all.sqls[1] : all.sqls[0]) ?? '');
    return { condition: condition.sql, column: { name: a.name, sql, type: all.type } };
  }
}

/** The SQL of a SELECT's clauses, if present. */
interface Clauses {
  readonly from: string | undefined;
  readonly where: string | undefined;
  readonly groups: string | undefined;
}

const clausesSql = ({ from, where, groups }: Clauses): string =>
  [
    ['FROM', from],
    ['WHERE', where],
    ['GROUP BY', groups],
  ]
    .map(([name, text]) => (text === undefined ? '' : ` ${name} ${text}`))
    .join('');

function listSql({ isDistinct }: Select, items: readonly Column[], hidden: readonly string[]): string {
  const own = items.map(({ sql, type }, at) => `${type.name === 'NULL' ? 'CAST(NULL AS BIGINT)' : sql} AS c${at}`);
  return `SELECT ${isDistinct ? 'DISTINCT ' : ''}${[...own, ...hidden].join(', ')}`;
}

function plainSql(
  select: Select,
  items: readonly Column[],
  clauses: Clauses,
  qualify: string | undefined,
  order: readonly string[],
): string {
  const rest = `${qualify === undefined ? '' : ` QUALIFY ${qualify}`}${order.length === 0 ? '' : ` ORDER BY ${order.join(', ')}`}`;
  return `${listSql(select, items, [])}${clausesSql(clauses)}${rest}`;
}

const contextOf = (scope: Scope, clause: string): Context => ({
  scope,
  clause,
  hasAggregates: false,
  hasWindows: false,
  keys: undefined,
  aliases: [],
  isAliasFirst: false,
});

const ordinal = (expression: Expression): number | undefined =>
  expression.kind === 'literal' && expression.type === 'INT64' ? Number(expression.value) : undefined;

/** Returns whether a node contains such a call outside subqueries. */
function hasCall(node: unknown, isMeant: (name: string, isWindow: boolean) => boolean): boolean {
  if (Array.isArray(node)) return node.some((one) => hasCall(one, isMeant));
  if (typeof node !== 'object' || node === null) return false;
  const given: Record<string, unknown> = { ...node };
  if (given.kind === 'query') return false;
  const isOne = given.kind === 'call' && isMeant(`${given.name}`, given.over !== undefined);
  return isOne || Object.values(given).some((one) => hasCall(one, isMeant));
}
const hasAggregate = (node: unknown): boolean => hasCall(node, (name, isWindow) => isAggregate(name) && !isWindow);
const hasWindow = (node: unknown): boolean => hasCall(node, (_, isWindow) => isWindow);
