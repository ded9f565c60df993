import { invalidQuery } from '../api.ts';

/** One token; `text` is the value of a string or quoted name, otherwise the source text. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'bytes' | 'integer' | 'float' | 'parameter' | 'symbol' | 'end';
  readonly text: string;
  /** A word or symbol in upper case; otherwise empty. */
  readonly upper: string;
  readonly from: number;
  readonly to: number;
}

const TOKEN = new RegExp(
  String.raw`(?<skipped>\s+|(?:#|--)[^\n]*|/\*[\s\S]*?\*/)
(?<prefix>(?:rb|br|r|b)?)(?<quote>"""|'''|"|')(?<string>(?:\\[\s\S]|(?!\k<quote>)[^\\])*?)\k<quote>
\x60(?<quoted>[^\x60\\\n]+)\x60
(?<float>(?:\d+\.\d*|\.\d+)(?:e[+-]?\d+)?|\d+e[+-]?\d+)
(?<integer>0x[\da-f]+|\d+)
(?<parameter>@[a-z_]\w*|\?)
(?!(?:rb?|br?)["'])(?<word>[a-z_]\w*)
(?<symbol>\|\||<<|>>|<=|>=|<>|!=|[()[\],.;+\-*/=<>|&^~])`.replaceAll('\n', '|'),
  'iy',
);
const ESCAPE = /\\(?:[xX]([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/g;
const PLAIN_ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', '?': '?', '"': '"', "'": "'", '`': '`' },
};

/** Returns ` at [line:column]`, as the service ends its messages. */
export function placeOf(sql: string, offset: number): string {
  const lines = sql.slice(0, offset).split('\n');
  return ` at [${lines.length}:${(lines.at(-1) ?? '').length + 1}]`;
}

/**
 * Splits a query into tokens; the last one has the kind `end`. Throws an ApiError for a character that starts no token.
 */
export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  let from = 0;
  while (from < sql.length) {
    TOKEN.lastIndex = from;
    const found = TOKEN.exec(sql);
    const { groups = {}, 0: source = '' } = found ?? {};
    const fail = (why: string) => invalidQuery(`Syntax error: ${why}${placeOf(sql, from)}`);
    if (source === '') {
      const quote = /^[rb]{0,2}["'`]/i.test(sql.slice(from, from + 3));
      throw fail(quote ? 'Unclosed string literal' : `Illegal input character "${sql[from]}"`);
    }
    const to = from + source.length;
    const kind = kindOf(groups);
    if (groups.string !== undefined && groups.quote?.length === 1 && groups.string.includes('\n')) {
      throw fail('Unclosed string literal');
    }
    if ((kind === 'integer' || kind === 'float') && /\w/.test(sql[to] ?? '')) {
      throw fail(`Missing whitespace between literal and alias`);
    }
    if (kind !== undefined) {
      const text = kind === 'string' || kind === 'bytes' ? stringOf(groups, fail) : (groups.quoted ?? source);
      const upper = kind === 'word' || kind === 'symbol' ? source.toUpperCase() : '';
      tokens.push({ kind, text, upper, from, to });
    }
    from = to;
  }
  return [...tokens, { kind: 'end', text: '', upper: '', from, to: from }];
}

function kindOf(groups: Readonly<Record<string, string | undefined>>): Token['kind'] | undefined {
  if (groups.skipped !== undefined) return undefined;
  if (groups.string !== undefined) return /b/i.test(groups.prefix ?? '') ? 'bytes' : 'string';
  if (groups.quoted !== undefined) return 'quoted';
  if (groups.float !== undefined) return 'float';
  if (groups.integer !== undefined) return 'integer';
  if (groups.parameter !== undefined) return 'parameter';
  return groups.word !== undefined ? 'word' : 'symbol';
}

/** Returns the text of a string literal; for a bytes literal, one character per byte. */
function stringOf(groups: Readonly<Record<string, string | undefined>>, fail: (why: string) => Error): string {
  const { prefix = '', string = '' } = groups;
  const isBytes = /b/i.test(prefix);
  const text = isBytes ? Buffer.from(string).toString('latin1') : string;
  if (/r/i.test(prefix)) return text;
  return text.replace(ESCAPE, (all, hex, short, long, octal, other) => {
    if (other !== undefined) {
      const plain = PLAIN_ESCAPES[other];
      if (plain === undefined) throw fail(`Illegal escape sequence: ${all}`);
      return plain;
    }
    if (isBytes && (short ?? long) !== undefined) throw fail(`Illegal escape sequence: ${all}`);
    const code = octal === undefined ? Number.parseInt(hex ?? short ?? long, 16) : Number.parseInt(octal, 8);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw fail(`Illegal escape sequence: ${all}`);
    return String.fromCodePoint(code);
  });
}
