import { type ApiError, invalidQuery } from './api-error.ts';
import { placeOf, type Token, tokenize } from './sql-tokens.ts';
import { RESERVED } from './sql-words.ts';

/** A place in the tokens of a query, and what can be asked about those around it. */
export class SqlCursor {
  readonly tokens: readonly Token[];
  readonly #sql: string;
  #at = 0;

  constructor(sql: string) {
    this.#sql = sql;
    const tokens = tokenize(sql);
    if (tokens.at(-1)?.kind === 'symbol' && tokens.at(-1)?.text === ';') tokens.pop();
    this.tokens = tokens;
  }

  /** The token here, undefined after the last one; or the one `offset` further. */
  peek(offset = 0): Token | undefined {
    return this.tokens[this.#at + offset];
  }

  skip(count = 1): void {
    this.#at += count;
  }

  /** Whether the token here, or the one `offset` further, is this word (in capitals) or symbol. */
  is(text: string, offset = 0): boolean {
    const token = this.peek(offset);
    return (token?.kind === 'word' || token?.kind === 'symbol') && token.text.toUpperCase() === text;
  }

  /** Whether the token before ends an operand, so that `[` would be a subscript. */
  followsOperand(): boolean {
    const token = this.peek(-1);
    if (token === undefined || token.kind === 'number') return false;
    if (token.kind === 'symbol') return token.text === ')' || token.text === ']';
    return token.kind !== 'word' || !RESERVED.has(token.text.toUpperCase());
  }

  /** Takes the alias that comes next, if one does, with or without AS. */
  takeAlias(): string | undefined {
    const token = this.peek(this.is('AS') ? 1 : 0);
    const isName = token?.kind === 'quoted' || (token?.kind === 'word' && !RESERVED.has(token.text.toUpperCase()));
    if (token === undefined || !isName) return undefined;
    this.skip(this.is('AS') ? 2 : 1);
    return token.text;
  }

  /** Takes the parts of a table's name: `a.b`, `a`.b, and dashes in a part without backticks: my-project.a.b. */
  takePath(): string[] {
    const parts: string[] = [];
    for (;;) {
      const token = this.peek();
      const isName = token?.kind === 'quoted' || (token?.kind === 'word' && !RESERVED.has(token.text.toUpperCase()));
      if (token === undefined || (!isName && parts.length === 0)) throw this.unexpected();
      if (token.kind === 'quoted') {
        parts.push(...token.text.split('.'));
        this.skip();
      } else parts.push(this.#takeDashed(token));
      if (!this.is('.')) return parts;
      this.skip();
    }
  }

  #takeDashed(first: Token): string {
    let text = first.text;
    this.skip();
    for (;;) {
      const [dash, next] = [this.peek(), this.peek(1)];
      const end = first.at + text.length;
      const adjoins = dash?.text === '-' && dash.at === end && next?.at === end + 1 && /^\w+\.?$/.test(next.text);
      if (!adjoins || next === undefined) return text;
      // `my-project-1.a` reads as the number `1.`: its dot belongs to the path.
      if (next.text.endsWith('.')) this.refuse('A project that ends in a number, without backticks,');
      text += `-${next.text}`;
      this.skip(2);
    }
  }

  /** The service's error for the token here. */
  unexpected(): ApiError {
    const token = this.peek();
    if (token === undefined) return invalidQuery('Syntax error: Unexpected end of script');
    const names = { word: 'identifier', quoted: 'identifier', string: 'string literal', number: 'number' } as const;
    const isKeyword = token.kind === 'word' && RESERVED.has(token.text.toUpperCase());
    const what =
      token.kind === 'symbol' || token.kind === 'parameter'
        ? `"${token.text}"`
        : isKeyword
          ? `keyword ${token.text.toUpperCase()}`
          : `${names[token.kind]} "${token.text}"`;
    return invalidQuery(`Syntax error: Unexpected ${what} at ${placeOf(this.#sql, token.at)}`);
  }

  /** Throws: what BigQuery can do and this translation cannot. */
  refuse(what: string): never {
    const at = this.peek()?.at ?? this.#sql.length;
    throw invalidQuery(`${what} is not supported by the local sandbox at ${placeOf(this.#sql, at)}`);
  }
}
