import { type ApiError, invalidQuery, unsupported } from '../api.ts';
import type { Expression, From, FunctionCall, Order, Query, QueryBody, Select, SelectItem, Window } from './syntax.ts';
import { placeOf, type Token, tokensOf } from './tokens.ts';

/** See https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords. */
const RESERVED = new Set(
  `ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT
  DEFAULT DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL
  GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP
  MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE RESPECT
  RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW
  WITH WITHIN`.split(/\s+/),
);
const TYPED_LITERALS = /^(DATE|DATETIME|TIME|TIMESTAMP|NUMERIC|DECIMAL|BIGNUMERIC|BIGDECIMAL|JSON)$/;
const COMPARISONS = new Set(['=', '!=', '<>', '<', '<=', '>', '>=']);
const REFUSED_OPERATORS = new Set(['|', '&', '^', '~', '<<', '>>']);
const MAX_DEPTH = 100;
/** Longest chain of operators without parentheses; each nests DuckDB's expression one level deeper. */
const MAX_CHAIN = 300;

/** Parses a query in the grammar of docs/sandbox.md; throws an ApiError for anything else, by name and position. */
export const parseQuery = (sql: string): Query => new Parser(sql).statement();

class Parser {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #parameters = 0;
  #depth = 0;

  constructor(sql: string) {
    this.#sql = sql;
    this.#tokens = tokensOf(sql);
  }

  statement(): Query {
    const { upper, text } = this.#peek();
    if (upper !== 'SELECT' && upper !== 'WITH' && upper !== '(') {
      if (upper === '' || !/^[A-Z]/.test(upper)) throw this.#unexpected();
      throw this.#refusal(`The statement ${text.toUpperCase()}`, '; it takes queries: SELECT, WITH');
    }
    const query = this.#query();
    this.#take(';');
    if (this.#peek().kind !== 'end') throw this.#unexpected('end of input');
    return query;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)] ?? END;
  }
  #advance(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }
  #is(...words: readonly string[]): boolean {
    return words.every((word, ahead) => this.#peek(ahead).upper === word);
  }
  #take(...words: readonly string[]): boolean {
    const found = this.#is(...words);
    if (found) this.#next += words.length;
    return found;
  }
  #expect(word: string): void {
    if (!this.#take(word)) throw this.#unexpected(/^\w/.test(word) ? `keyword ${word}` : `"${word}"`);
  }
  #unexpected(expected?: string): ApiError {
    const { kind, text, upper, from } = this.#peek();
    const isKeyword = RESERVED.has(upper);
    const name = kind === 'word' ? `${isKeyword ? `keyword ${upper}` : `identifier "${text}"`}` : `"${text}"`;
    const found = kind === 'end' ? 'end of script' : kind === 'string' ? 'string literal' : name;
    const what = expected === undefined ? `Unexpected ${found}` : `Expected ${expected} but got ${found}`;
    return invalidQuery(`Syntax error: ${what}${placeOf(this.#sql, from)}`);
  }
  #refusal(what: string, more = ''): ApiError {
    return invalidQuery(`${unsupported(what).message}${more}${placeOf(this.#sql, this.#peek().from)}`);
  }
  #list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.#take(',')) items.push(item());
    return items;
  }
  /** Reads a name other than a keyword; a quoted name may be anything. */
  #name(): string {
    const { kind, text, upper } = this.#peek();
    if (kind !== 'quoted' && (kind !== 'word' || RESERVED.has(upper))) throw this.#unexpected();
    this.#next += 1;
    return text;
  }
  /** Reads a name after a dot, which may be a keyword. */
  #member(): string {
    if (this.#peek().kind !== 'quoted' && this.#peek().kind !== 'word') throw this.#unexpected();
    return this.#advance().text;
  }
  #alias(refused: readonly string[] = []): string | undefined {
    if (this.#take('AS')) return this.#name();
    const { kind, upper } = this.#peek();
    const isName = kind === 'quoted' || (kind === 'word' && !RESERVED.has(upper));
    if (isName && refused.includes(upper)) throw this.#refusal(upper);
    return isName ? this.#name() : undefined;
  }
  #nested<T>(body: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#refusal(`A query nested more than ${MAX_DEPTH} levels deep`);
    const result = body();
    this.#depth -= 1;
    return result;
  }

  #query(): Query {
    return this.#nested(() => {
      const at = this.#peek().from;
      const ctes: { name: string; query: Query }[] = [];
      if (this.#take('WITH')) {
        if (this.#is('RECURSIVE')) throw this.#refusal('WITH RECURSIVE');
        ctes.push(...this.#list(() => this.#cte()));
        if (!this.#is('SELECT') && !this.#is('(')) {
          throw this.#refusal(`A statement other than a query, ${this.#peek().text}`);
        }
      }
      const body = this.#setOperation();
      const orderBy = this.#take('ORDER', 'BY') ? this.#list(() => this.#order()) : [];
      const limit = this.#take('LIMIT') ? this.#expression() : undefined;
      const offset = limit !== undefined && this.#take('OFFSET') ? this.#expression() : undefined;
      return { kind: 'query', at, ctes, body, orderBy, limit, offset };
    });
  }
  #cte() {
    const name = this.#name();
    this.#expect('AS');
    return { name, query: this.#parenthesized(() => this.#query()) };
  }
  #parenthesized<T>(body: () => T): T {
    this.#expect('(');
    const result = body();
    this.#expect(')');
    return result;
  }
  #setOperation(): QueryBody {
    let left = this.#queryPrimary();
    let first = '';
    for (;;) {
      const { upper: op, from: at } = this.#peek();
      if (op !== 'UNION' && op !== 'EXCEPT' && op !== 'INTERSECT') return left;
      this.#next += 1;
      const how = this.#peek().upper;
      if (how !== 'DISTINCT' && (how !== 'ALL' || op !== 'UNION')) throw this.#unexpected('keyword DISTINCT');
      this.#next += 1;
      if (first !== '' && first !== `${op} ${how}`) {
        throw invalidQuery(
          `Syntax error: Different set operations cannot be used in the same query without using parentheses for grouping${placeOf(this.#sql, at)}`,
        );
      }
      first = `${op} ${how}`;
      left = { kind: 'set', at, op: first, left, right: this.#queryPrimary() };
    }
  }
  #queryPrimary(): QueryBody {
    return this.#is('(') ? this.#parenthesized(() => this.#query()) : this.#select();
  }
  #select(): Select {
    const at = this.#peek().from;
    this.#expect('SELECT');
    const isDistinct = this.#take('DISTINCT');
    if (!isDistinct) this.#take('ALL');
    if (this.#is('AS')) throw this.#refusal('SELECT AS STRUCT or VALUE');
    const items = [this.#item()];
    // The last item may have a trailing comma.
    while (this.#take(',') && !this.#is('FROM') && this.#peek().kind !== 'end') items.push(this.#item());
    const from = this.#take('FROM') ? this.#from() : undefined;
    const where = this.#take('WHERE') ? this.#expression() : undefined;
    const groupBy = this.#take('GROUP', 'BY') ? this.#groupKeys() : [];
    const having = this.#take('HAVING') ? this.#expression() : undefined;
    const qualify = this.#take('QUALIFY') ? this.#expression() : undefined;
    if (this.#is('WINDOW')) throw this.#refusal('The WINDOW clause');
    return { kind: 'select', at, isDistinct, items, from, where, groupBy, having, qualify };
  }
  #groupKeys(): Expression[] {
    if (this.#is('ALL') || this.#is('ROLLUP') || this.#is('CUBE') || this.#is('GROUPING')) {
      throw this.#refusal(`GROUP BY ${this.#peek().upper}`);
    }
    return this.#list(() => this.#expression());
  }
  #item(): SelectItem {
    const at = this.#peek().from;
    if (this.#take('*')) return { kind: 'star', at, of: undefined, except: this.#starExcept() };
    if (this.#is(this.#peek().upper, '.', '*') && /^(word|quoted)$/.test(this.#peek().kind)) {
      const of = this.#name();
      this.#next += 2;
      return { kind: 'star', at, of, except: this.#starExcept() };
    }
    const value = this.#expression();
    return { kind: 'item', at, value, alias: this.#alias() };
  }
  #starExcept(): string[] {
    const isExcept = this.#is('EXCEPT', '(');
    if (isExcept) this.#next += 1;
    const except = isExcept ? this.#parenthesized(() => this.#list(() => this.#name())) : [];
    if (this.#is('REPLACE', '(')) throw this.#refusal('SELECT * REPLACE');
    return except;
  }
  #order(): Order {
    const at = this.#peek().from;
    const by = this.#expression();
    if (this.#is('COLLATE')) throw this.#refusal('COLLATE');
    const isDescending = this.#take('DESC');
    if (!isDescending) this.#take('ASC');
    if (!this.#take('NULLS')) return { at, by, isDescending, nulls: undefined };
    const { upper } = this.#advance();
    if (upper !== 'FIRST' && upper !== 'LAST') throw this.#unexpected('FIRST or LAST');
    return { at, by, isDescending, nulls: upper };
  }

  #from(): From {
    let left = this.#joined();
    while (this.#is(',')) {
      const at = this.#advance().from;
      left = { kind: 'join', at, join: 'CROSS', left, right: this.#joined(), on: undefined, using: [] };
    }
    return left;
  }
  #joined(): From {
    let left = this.#fromItem();
    for (;;) {
      const at = this.#peek().from;
      const join = this.#joinKind();
      if (join === undefined) return left;
      const right = this.#fromItem();
      const on = join !== 'CROSS' && this.#take('ON') ? this.#expression() : undefined;
      const isUsing = join !== 'CROSS' && on === undefined;
      if (isUsing) this.#expect('USING');
      const using = isUsing ? this.#parenthesized(() => this.#list(() => this.#name())) : [];
      left = { kind: 'join', at, join, left, right, on, using };
    }
  }
  #joinKind() {
    if (this.#take('JOIN') || this.#take('INNER', 'JOIN')) return 'INNER';
    if (this.#take('CROSS', 'JOIN')) return 'CROSS';
    for (const join of ['LEFT', 'RIGHT', 'FULL'] as const) {
      if (this.#take(join, 'JOIN') || this.#take(join, 'OUTER', 'JOIN')) return join;
    }
    return undefined;
  }
  #fromItem(): From {
    const at = this.#peek().from;
    if (this.#is('UNNEST')) throw this.#refusal('UNNEST()');
    if (this.#is('(')) {
      const isQuery = this.#is('(', 'SELECT') || this.#is('(', 'WITH') || this.#is('(', '(');
      if (!isQuery) return this.#parenthesized(() => this.#from());
      const query = this.#parenthesized(() => this.#query());
      return { kind: 'from-query', at, query, alias: this.#fromAlias() };
    }
    if (this.#peek().kind === 'string') throw this.#unexpected();
    const path = this.#tablePath();
    if (this.#is('(')) throw this.#refusal(`The table function ${path.join('.')}`);
    return { kind: 'table', at, path, alias: this.#fromAlias() };
  }
  #fromAlias(): string | undefined {
    const alias = this.#alias(['PIVOT', 'UNPIVOT', 'MATCH_RECOGNIZE']);
    for (const word of ['TABLESAMPLE', 'FOR', 'WITH']) if (this.#is(word)) throw this.#refusal(`${word} after a table`);
    return alias;
  }
  /** A project may contain dashes without backticks. */
  #tablePath(): string[] {
    const { kind } = this.#peek();
    let first = this.#name();
    if (kind === 'quoted') return [...first.split('.'), ...this.#members()];
    const isJoined = () =>
      this.#is('-') && this.#peek(-1).to === this.#peek().from && this.#peek(1).from === this.#peek().to;
    while (isJoined()) {
      this.#next += 1;
      first += `-${this.#advance().text}`;
    }
    return [first, ...this.#members()];
  }
  #members(): string[] {
    const names: string[] = [];
    while (this.#take('.')) {
      const { kind } = this.#peek();
      const name = this.#member();
      names.push(...(kind === 'quoted' ? name.split('.') : [name]));
    }
    return names;
  }

  #expression(): Expression {
    return this.#nested(() => this.#or());
  }
  #binary(next: () => Expression, ...ops: readonly string[]): Expression {
    let left = next();
    for (let length = 1; ops.includes(this.#peek().upper); length += 1) {
      if (length > MAX_CHAIN) throw this.#refusal(`A chain of more than ${MAX_CHAIN} operators`);
      const { upper: op, from: at } = this.#advance();
      left = { kind: 'binary', at, op, left, right: next() };
    }
    return left;
  }
  #or(): Expression {
    return this.#binary(() => this.#and(), 'OR');
  }
  #and(): Expression {
    return this.#binary(() => this.#not(), 'AND');
  }
  #not(): Expression {
    const at = this.#peek().from;
    return this.#take('NOT') ? { kind: 'not', at, of: this.#nested(() => this.#not()) } : this.#comparison();
  }
  #comparison(): Expression {
    const left = this.#sum();
    const { upper, from: at } = this.#peek();
    if (COMPARISONS.has(upper)) {
      this.#next += 1;
      const op = upper === '<>' ? '!=' : upper;
      return this.#single({ kind: 'binary', at, op, left, right: this.#sum() });
    }
    if (this.#take('IS')) {
      const isNot = this.#take('NOT');
      if (this.#take('DISTINCT', 'FROM')) {
        const same: Expression = { kind: 'binary', at, op: 'IS NOT DISTINCT FROM', left, right: this.#sum() };
        return this.#single(isNot ? same : { kind: 'not', at, of: same });
      }
      const { upper: what } = this.#peek();
      if (what !== 'NULL' && what !== 'TRUE' && what !== 'FALSE') throw this.#unexpected('NULL, TRUE or FALSE');
      this.#next += 1;
      const is: Expression = { kind: 'is', at, of: left, what };
      return this.#single(isNot ? { kind: 'not', at, of: is } : is);
    }
    const isNot = this.#is('NOT');
    if (isNot && !/^(IN|LIKE|BETWEEN)$/.test(this.#peek(1).upper)) return left;
    if (isNot) this.#next += 1;
    const test = this.#test(left, at);
    if (test === undefined) return left;
    return this.#single(isNot ? { kind: 'not', at, of: test } : test);
  }
  #test(of: Expression, at: number): Expression | undefined {
    if (this.#take('LIKE')) {
      if (/^(ANY|SOME|ALL)$/.test(this.#peek().upper)) throw this.#refusal(`LIKE ${this.#peek().upper}`);
      return { kind: 'binary', at, op: 'LIKE', left: of, right: this.#sum() };
    }
    if (this.#take('BETWEEN')) {
      const low = this.#sum();
      this.#expect('AND');
      return { kind: 'between', at, of, low, high: this.#sum() };
    }
    if (!this.#take('IN')) return undefined;
    if (this.#is('UNNEST')) throw this.#refusal('UNNEST()');
    const isQuery = this.#is('(', 'SELECT') || this.#is('(', 'WITH');
    const among = this.#parenthesized(() => (isQuery ? this.#query() : this.#list(() => this.#expression())));
    return { kind: 'in', at, of, among };
  }
  /** Comparisons cannot be chained. */
  #single(comparison: Expression): Expression {
    const { upper } = this.#peek();
    if (COMPARISONS.has(upper) || /^(IS|IN|LIKE|BETWEEN)$/.test(upper)) throw this.#unexpected('end of input');
    return comparison;
  }
  #sum(): Expression {
    const sum = this.#binary(() => this.#product(), '+', '-');
    if (REFUSED_OPERATORS.has(this.#peek().upper)) throw this.#refusal(`The operator ${this.#peek().text}`);
    return sum;
  }
  #product(): Expression {
    return this.#binary(() => this.#unary(), '*', '/', '||');
  }
  #unary(): Expression {
    const { upper, from: at } = this.#peek();
    if (upper === '~') throw this.#refusal('The operator ~');
    if (this.#take('+')) return this.#nested(() => this.#unary());
    if (!this.#take('-')) return this.#postfix();
    const of = this.#nested(() => this.#unary());
    const isNumber =
      of.kind === 'literal' && (of.type === 'INT64' || of.type === 'FLOAT64') && !of.value.startsWith('-');
    return isNumber ? { ...of, at, value: `-${of.value}` } : { kind: 'negative', at, of };
  }
  #postfix(): Expression {
    let of = this.#primary();
    for (;;) {
      const { upper, from: at } = this.#peek();
      if (upper === '[') throw this.#refusal('The subscript operator []');
      if (upper !== '.') return of;
      this.#next += 1;
      if (this.#is('*')) throw this.#refusal('The fields of a STRUCT by .*');
      const name = this.#member();
      of = of.kind === 'path' ? { ...of, names: [...of.names, name] } : { kind: 'field', at, of, name };
    }
  }
  #primary(): Expression {
    const { kind, text, upper, from: at } = this.#peek();
    if (kind === 'integer' || kind === 'float' || kind === 'string' || kind === 'bytes') {
      this.#next += 1;
      const type = ({ integer: 'INT64', float: 'FLOAT64', string: 'STRING', bytes: 'BYTES' } as const)[kind];
      return { kind: 'literal', at, type, value: text };
    }
    if (kind === 'parameter') {
      this.#next += 1;
      return { kind: 'parameter', at, key: text === '?' ? this.#parameters++ : text.slice(1).toLowerCase() };
    }
    if (upper === '(') return this.#group();
    if (upper === '[') return this.#array();
    if (kind === 'quoted') return { kind: 'path', at, names: [this.#name()] };
    if (kind !== 'word') throw this.#unexpected();
    const keyword = this.#keyword(upper, at);
    if (keyword !== undefined) return keyword;
    if (TYPED_LITERALS.test(upper) && this.#peek(1).kind === 'string') {
      this.#next += 1;
      return { kind: 'typed', at, type: upper, value: this.#advance().text };
    }
    if (
      this.#peek(1).upper === '(' &&
      (!RESERVED.has(upper) || upper === 'IF' || upper === 'LEFT' || upper === 'RIGHT')
    ) {
      this.#next += 1;
      return this.#call(upper, at);
    }
    if (upper === 'SAFE' && this.#peek(1).upper === '.') throw this.#refusal('The prefix SAFE.');
    return { kind: 'path', at, names: [this.#name()] };
  }
  #group(): Expression {
    if (this.#is('(', 'SELECT') || this.#is('(', 'WITH')) {
      return { kind: 'subquery', at: this.#peek().from, query: this.#parenthesized(() => this.#query()) };
    }
    return this.#parenthesized(() => {
      const inner = this.#expression();
      if (this.#is(',')) throw this.#refusal('A STRUCT written as (a, b)');
      return inner;
    });
  }
  #array(): Expression {
    const at = this.#advance().from;
    const items = this.#is(']') ? [] : this.#list(() => this.#expression());
    this.#expect(']');
    return { kind: 'array', at, items };
  }
  #keyword(upper: string, at: number): Expression | undefined {
    switch (upper) {
      case 'NULL':
      case 'TRUE':
      case 'FALSE':
        this.#next += 1;
        return { kind: 'literal', at, type: upper === 'NULL' ? 'NULL' : 'BOOL', value: upper };
      case 'CASE':
        return this.#case();
      case 'CAST':
      case 'SAFE_CAST':
        if (this.#peek(1).upper !== '(') return undefined;
        this.#next += 1;
        return this.#parenthesized(() => this.#cast(upper === 'SAFE_CAST', at));
      case 'EXISTS':
        this.#next += 1;
        return { kind: 'exists', at, query: this.#parenthesized(() => this.#query()) };
      case 'EXTRACT':
        this.#next += 1;
        return this.#parenthesized(() => this.#extract(at));
      case 'INTERVAL':
        return this.#interval();
      case 'ARRAY':
      case 'STRUCT':
        throw this.#refusal(`${upper} as a constructor`);
      case 'UNNEST':
        throw this.#refusal('UNNEST()');
      default:
        return undefined;
    }
  }
  #cast(isSafe: boolean, at: number): Expression {
    const of = this.#expression();
    this.#expect('AS');
    const type = this.#member().toUpperCase();
    if (this.#is('<') || this.#is('(')) throw this.#refusal(`A cast to ${type}${this.#peek().text}…`);
    if (this.#is('FORMAT') || this.#is('AT')) throw this.#refusal(`CAST with ${this.#peek().upper}`);
    return { kind: 'cast', at, isSafe, of, type };
  }
  #extract(at: number): Expression {
    const part = this.#member().toUpperCase();
    if (this.#is('(')) throw this.#refusal(`EXTRACT(${part}(…))`);
    this.#expect('FROM');
    const from = this.#expression();
    if (this.#is('AT')) throw this.#refusal('AT TIME ZONE');
    return { kind: 'extract', at, part, from };
  }
  #interval(): Expression {
    const at = this.#advance().from;
    const count = this.#sum();
    const part = this.#member().toUpperCase();
    if (this.#is('TO')) throw this.#refusal('An INTERVAL of several parts');
    return { kind: 'interval', at, count, part };
  }
  #case(): Expression {
    const at = this.#advance().from;
    const of = this.#is('WHEN') ? undefined : this.#expression();
    const branches: [Expression, Expression][] = [];
    while (this.#take('WHEN')) {
      const when = this.#expression();
      this.#expect('THEN');
      branches.push([when, this.#expression()]);
    }
    if (branches.length === 0) throw this.#unexpected('keyword WHEN');
    const otherwise = this.#take('ELSE') ? this.#expression() : undefined;
    this.#expect('END');
    return { kind: 'case', at, of, branches, otherwise };
  }
  #call(name: string, at: number): FunctionCall {
    this.#expect('(');
    const isStar = this.#take('*');
    const isDistinct = !isStar && this.#take('DISTINCT');
    const args = isStar || this.#is(')') ? [] : this.#list(() => this.#expression());
    for (const word of ['IGNORE', 'RESPECT', 'HAVING', 'LIMIT', 'WHERE']) {
      if (this.#is(word)) throw this.#refusal(`${word} in the call of ${name}()`);
    }
    const orderBy = this.#take('ORDER', 'BY') ? this.#list(() => this.#order()) : [];
    if (this.#is('LIMIT')) throw this.#refusal(`LIMIT in the call of ${name}()`);
    this.#expect(')');
    const over = this.#take('OVER') ? this.#over() : undefined;
    return { kind: 'call', at, name, args, isStar, isDistinct, orderBy, over };
  }
  #over(): Window {
    if (!this.#is('(')) throw this.#refusal('A named window');
    return this.#parenthesized(() => {
      const partitionBy = this.#take('PARTITION', 'BY') ? this.#list(() => this.#expression()) : [];
      const orderBy = this.#take('ORDER', 'BY') ? this.#list(() => this.#order()) : [];
      if (this.#is('RANGE')) throw this.#refusal('A window frame by RANGE', '; it takes ROWS');
      if (!this.#take('ROWS')) return { partitionBy, orderBy, frame: '' };
      if (!this.#take('BETWEEN')) return { partitionBy, orderBy, frame: `ROWS ${this.#bound()}` };
      const from = this.#bound();
      this.#expect('AND');
      return { partitionBy, orderBy, frame: `ROWS BETWEEN ${from} AND ${this.#bound()}` };
    });
  }
  #bound(): string {
    if (this.#take('CURRENT', 'ROW')) return 'CURRENT ROW';
    const isCount = this.#peek().kind === 'integer' && /^\d+$/.test(this.#peek().text);
    const count = this.#take('UNBOUNDED') ? 'UNBOUNDED' : isCount ? this.#advance().text : undefined;
    if (count === undefined) throw this.#unexpected('UNBOUNDED or an integer');
    const { upper } = this.#peek();
    if (upper !== 'PRECEDING' && upper !== 'FOLLOWING') throw this.#unexpected('PRECEDING or FOLLOWING');
    this.#next += 1;
    return `${count} ${upper}`;
  }
}

const END: Token = { kind: 'end', text: '', upper: '', from: 0, to: 0 };
