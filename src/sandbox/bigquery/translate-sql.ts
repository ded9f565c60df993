import { invalidQuery } from './api-error.ts';
import { quoteName } from './schema.ts';
import { SqlCursor } from './sql-cursor.ts';
import { sqlString } from './sql-literal.ts';
import type { Token } from './sql-tokens.ts';
import * as words from './sql-words.ts';

/** What a query refers to. */
export interface SqlNames {
  /** The DuckDB name of the table with the given path (1 to 3 parts); throws the service's error when there is none. */
  table(path: readonly string[]): string;
  /** The literal of `@name`, or of the nth `?` (from 0). */
  parameter(name: string | number): string;
}

/** What a pair of parentheses is in. */
interface Frame {
  readonly kind: 'cast' | 'parts' | 'extract' | 'unnest' | 'other';
  /** Within a FROM clause, where a comma is followed by a table. */
  from: boolean;
}

/**
 * Translates a GoogleSQL SELECT for DuckDB. It works on tokens, not on a syntax tree: what DuckDB understands as
 * BigQuery does passes as it is; what differs is rewritten; what would silently mean another thing is refused.
 */
export function translateSql(sql: string, names: SqlNames): string {
  const cursor = new SqlCursor(sql);
  const first = cursor.peek()?.text;
  if (first === undefined) throw invalidQuery('Syntax error: Unexpected end of script');
  if (words.STATEMENTS.has(first.toUpperCase())) cursor.refuse(`The statement ${first.toUpperCase()}`);
  if (!/^(SELECT|WITH|\()$/i.test(first)) throw cursor.unexpected();
  return new Translation(cursor, names).run();
}

class Translation {
  readonly #cursor: SqlCursor;
  readonly #names: SqlNames;
  readonly #out: string[] = [];
  readonly #frames: Frame[] = [];
  #frame: Frame = { kind: 'other', from: false };
  /** The names that WITH gives, in lower case. */
  readonly #withNames = new Set<string>();
  #expectTable = false;
  #positional = 0;

  constructor(cursor: SqlCursor, names: SqlNames) {
    this.#cursor = cursor;
    this.#names = names;
    cursor.tokens.forEach(({ text }, at) => {
      if (cursor.is('AS', at + 1) && cursor.is('(', at + 2)) this.#withNames.add(text.toLowerCase());
    });
  }

  run(): string {
    for (let token = this.#cursor.peek(); token !== undefined; token = this.#cursor.peek()) this.#step(token);
    return this.#out.join(' ');
  }

  #step(token: Token): void {
    const isWord = token.kind === 'word' && !this.#cursor.is('.', -1);
    const word = isWord ? token.text.toUpperCase() : '';
    if (words.CLAUSES.has(word)) this.#frame.from = false;
    if (this.#expectTable) {
      this.#table();
      return;
    }
    if (token.kind === 'symbol') this.#symbol(token);
    else if (isWord && this.#cursor.is('(', 1)) this.#call(token, word);
    else this.#write(isWord ? this.#word(token, word) : this.#operand(token));
    if ((word === 'FROM' && this.#frame.kind !== 'extract' && !this.#cursor.is('DISTINCT', -2)) || word === 'JOIN') {
      this.#frame.from = true;
      this.#expectTable = true;
    }
  }

  /** Writes `text` for the next `count` tokens. */
  #write(text: string, count = 1): void {
    this.#out.push(text);
    this.#cursor.skip(count);
  }

  #operand({ kind, text }: Token): string {
    if (kind === 'string') return sqlString(text);
    if (kind === 'parameter') return this.#names.parameter(text === '?' ? this.#positional++ : text);
    // In DuckDB 1.5 is a DECIMAL, and 1.5e0 a DOUBLE.
    if (kind === 'number') return /^\d*\.\d*$/.test(text) ? `${text}e0` : text;
    return quoteName(text);
  }

  #symbol({ text }: Token): void {
    if (text === '(') this.#open('other');
    else if (text === ')') this.#close();
    else {
      if (text === ';') this.#cursor.refuse('A script of several statements');
      if (text === '[' && this.#cursor.followsOperand()) this.#cursor.refuse('The subscript operator []');
      if (text === ',' && this.#frame.from) this.#expectTable = true;
      this.#write(text);
    }
  }

  #open(kind: Frame['kind'], from = false): void {
    this.#frames.push(this.#frame);
    this.#frame = { kind, from };
    this.#write('(');
  }

  #close(): void {
    const { kind } = this.#frame;
    this.#frame = this.#frames.pop() ?? { kind: 'other', from: false };
    this.#expectTable = false;
    this.#write(')');
    if (kind !== 'unnest') return;
    if (this.#cursor.is('WITH') && this.#cursor.is('OFFSET', 1)) this.#cursor.refuse('WITH OFFSET');
    const alias = this.#cursor.takeAlias();
    if (this.#cursor.is('WITH') && this.#cursor.is('OFFSET', 1)) this.#cursor.refuse('WITH OFFSET');
    // BigQuery names the element, DuckDB a table with one column.
    if (alias !== undefined) this.#out.push(`AS ${quoteName(alias)}(${quoteName(alias)})`);
  }

  /** Writes a table, or opens what stands in the place of one. */
  #table(): void {
    this.#expectTable = false;
    if (this.#cursor.is('(')) {
      const nested = !this.#cursor.is('SELECT', 1) && !this.#cursor.is('WITH', 1);
      this.#open('other', nested);
      this.#expectTable = nested;
      return;
    }
    if (this.#cursor.is('UNNEST') && this.#cursor.is('(', 1)) {
      this.#write('UNNEST');
      this.#open('unnest');
      return;
    }
    const path = this.#cursor.takePath();
    if (this.#cursor.is('(')) throw invalidQuery(`Table-valued function not found: ${path.join('.')}`);
    const name = path.at(-1) ?? '';
    const isWith = path.length === 1 && this.#withNames.has(name.toLowerCase());
    const table = isWith ? quoteName(name) : this.#names.table(path);
    this.#out.push(`${table} AS ${quoteName(this.#cursor.takeAlias() ?? name)}`);
  }

  /** The translation of a word that stands by itself. */
  #word({ text }: Token, word: string): string {
    const { kind } = this.#frame;
    if (kind === 'cast' && this.#cursor.is('AS', -1)) {
      return words.CAST_TYPES[word] ?? this.#cursor.refuse(`CAST to ${text}`);
    }
    const literal = words.TYPED_LITERALS[word];
    if (literal !== undefined && this.#cursor.peek(1)?.kind === 'string') return literal;
    if (word === 'CURRENT_TIMESTAMP') return 'now()';
    if (kind === 'parts' && this.#cursor.is(',', -1) && words.DATE_PARTS.has(word)) return sqlString(word);
    if ((kind === 'parts' || kind === 'extract') && words.UNSUPPORTED_PARTS.has(word)) {
      this.#cursor.refuse(`The date part ${word}`);
    }
    if (word === 'AS' && this.#cursor.is('SELECT', -1)) this.#cursor.refuse('SELECT AS');
    if ((word === 'STRUCT' || word === 'ARRAY') && this.#cursor.is('<', 1)) this.#cursor.refuse(`${word}<>`);
    return words.DUCKDB_RESERVED.has(word) ? quoteName(text) : text;
  }

  /** Writes a word before an opening parenthesis, and that. */
  #call({ text }: Token, word: string): void {
    if (words.OTHER_MEANING.has(word)) this.#cursor.refuse(`${word}()`);
    if (word === 'FROM' || word === 'JOIN') this.#write(text);
    else if (word === 'CURRENT_TIMESTAMP' && this.#cursor.is(')', 2)) this.#write('now()', 3);
    else {
      if (word === 'UNNEST' && this.#cursor.is('IN', -1)) this.#write('bq_list');
      else if (word === 'EXCEPT' && this.#cursor.is('*', -1)) this.#write('EXCLUDE');
      else this.#write(words.RENAMED_FUNCTIONS[word] ?? text);
      if (word === 'CAST' || word === 'SAFE_CAST') this.#open('cast');
      else if (words.PART_FUNCTIONS.has(word)) this.#open('parts');
      else this.#open(word === 'EXTRACT' || word === 'TRIM' ? 'extract' : 'other');
    }
  }
}
