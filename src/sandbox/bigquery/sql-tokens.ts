import { invalidQuery } from './api-error.ts';

/**
 * One token of GoogleSQL. `text` is the decoded value of a string, the name of a parameter or of a quoted identifier,
 * and the token as written else.
 */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';
  readonly text: string;
  /** The place in the query, from 0. */
  readonly at: number;
}

const SKIPPED = /(?:\s+|(?:#|--)[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const STRING = /([rRbB]{0,2})("""|'''|"|')/y;
const TOKENS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['quoted', /`((?:[^`\\]|\\.)+)`/y],
  ['number', /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['parameter', /@([A-Za-z_]\w*)|\?/y],
  ['word', /[A-Za-z_]\w*/y],
  ['symbol', /\|\||<<|>>|<=|>=|<>|!=|[()[\],.+\-*/=<>|&~;]/y],
];
const ESCAPES: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Where a place in the query is, as the service writes it: `[line:column]`, both from 1. */
export function placeOf(sql: string, at: number): string {
  const before = sql.slice(0, at).split('\n');
  return `[${before.length}:${(before.at(-1) ?? '').length + 1}]`;
}

/** Splits a query into tokens, without its comments and white space. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const matchAt = (pattern: RegExp, at: number) => {
    pattern.lastIndex = at;
    return pattern.exec(sql);
  };
  for (let at = 0; ; ) {
    at += matchAt(SKIPPED, at)?.[0].length ?? 0;
    if (at >= sql.length) return tokens;
    const opening = matchAt(STRING, at);
    if (opening !== null) {
      const [text, end] = readString(sql, at, opening[1] ?? '', opening[2] ?? '');
      tokens.push({ kind: 'string', text, at });
      at = end;
      continue;
    }
    let found: RegExpExecArray | null = null;
    for (const [kind, pattern] of TOKENS) {
      found = matchAt(pattern, at);
      if (found === null) continue;
      tokens.push({ kind, text: found[1] ?? found[0], at });
      break;
    }
    if (found === null) {
      throw invalidQuery(`Syntax error: Illegal input character "${sql[at]}" at ${placeOf(sql, at)}`);
    }
    at += found[0].length;
  }
}

/** The value of the string literal at `at`, and the place after it. */
function readString(sql: string, at: number, prefix: string, quote: string): [string, number] {
  if (/b/i.test(prefix)) throw invalidQuery(`Bytes literals are not supported by the local sandbox.`);
  let text = '';
  for (let next = at + prefix.length + quote.length; next < sql.length; ) {
    if (sql.startsWith(quote, next)) return [text, next + quote.length];
    const char = sql[next] ?? '';
    if (char === '\n' && quote.length === 1) break;
    if (char !== '\\') {
      text += char;
      next += 1;
    } else if (/r/i.test(prefix)) {
      text += sql.slice(next, next + 2);
      next += 2;
    } else {
      const [value, length] = readEscape(sql, next);
      text += value;
      next += length;
    }
  }
  throw invalidQuery(`Syntax error: Unclosed string literal at ${placeOf(sql, at)}`);
}

/** The value of the escape sequence at `at`, and its length. */
function readEscape(sql: string, at: number): [string, number] {
  const char = sql[at + 1] ?? '';
  const code = /^(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(
    sql.slice(at + 1, at + 10),
  );
  if (code !== null) {
    const [whole, two, four, eight, octal = '0'] = code;
    const hexadecimal = two ?? four ?? eight;
    const point = hexadecimal === undefined ? Number.parseInt(octal, 8) : Number.parseInt(hexadecimal, 16);
    if (point <= 0x10ffff) return [String.fromCodePoint(point), whole.length + 1];
  }
  if (ESCAPES[char] !== undefined) return [ESCAPES[char], 2];
  if (/[\\'"`?]/.test(char)) return [char, 2];
  throw invalidQuery(`Syntax error: Illegal escape sequence: \\${char} at ${placeOf(sql, at)}`);
}
