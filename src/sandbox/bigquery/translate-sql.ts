import { invalidQuery, unsupported } from './api.ts';
import { scalarType } from './scalar-types.ts';
import { quoteName } from './schema.ts';

const TOKENS = new RegExp(
  String.raw`(?<skipped>\s+|(?:#|--)[^\n]*|/\*[\s\S]*?\*/)
(?<prefix>[rb]*)(?<quote>"""|'''|"|')(?<string>(?:\\[\s\S]|(?!\k<quote>)[\s\S])*?)\k<quote>
\x60(?<quoted>[^\x60]+)\x60
(?<=\b(?:FROM|JOIN)\s+)(?<project>[a-z]\w*(?:-\w+)+)(?=\.)
(?<number>0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)
(?<parameter>@[a-z_]\w*|\?)|(?<word>[a-z_]\w*)
\|\||<<|>>|<=|>=|<>|!=|[()[\],.+\-*/=<>|&~]`.replaceAll('\n', '|'),
  'giy',
);
const RENAMED = new Map(Object.entries({ EXCEPT: 'EXCLUDE', SAFE_CAST: 'TRY_CAST', COUNTIF: 'count_if' }));
/** What DuckDB has with another meaning, or another treatment of NULL. */
const REFUSED_CALLS =
  /^(CONCAT|DATETIME|FORMAT|GREATEST|JSON_VALUE|LEAST|LOG|MD5|REGEXP_EXTRACT|REGEXP_REPLACE|SHA1|SHA256|TIME|TIMESTAMP|UNNEST)$/;
/** Types that DuckDB does not have. */
const REFUSED_CASTS = /^(BIGNUMERIC|BIGDECIMAL|GEOGRAPHY)$/;
const REFUSED_WORDS = /^(DAYOFWEEK|INFORMATION_SCHEMA|USER|WEEK|_PARTITION(DATE|TIME))$/;

const TEXT_MACRO = 'memory.main.googlesql_text';
/** Makes a text of a value as GoogleSQL does, where DuckDB does otherwise; refuses what stands for a BIGNUMERIC or GEOGRAPHY. */
export const CREATE_TEXT_MACRO = `CREATE MACRO ${TEXT_MACRO}(x) AS CASE
  WHEN starts_with(typeof(x), 'STRUCT("$') THEN error('A text of a BIGNUMERIC or GEOGRAPHY is not supported')
  WHEN starts_with(typeof(x), 'DECIMAL') AND contains(x::VARCHAR, '.') THEN rtrim(rtrim(x::VARCHAR, '0'), '.')
  WHEN typeof(x) = 'DOUBLE' AND ends_with(x::VARCHAR, '.0') THEN left(x::VARCHAR, -2)
  ELSE x::VARCHAR END`;

/**
 * Translates a GoogleSQL query for DuckDB, token by token: what differs is rewritten, what would silently mean another
 * thing is refused; the rest DuckDB refuses. `parameter` gives the SQL of `@name` (in lower case) or of the nth `?`.
 */
export function translateSql(sql: string, parameter: (key: string | number) => string): string {
  const text = sql.trim().replace(/\s*;$/, '');
  const out: string[] = [];
  const calls: string[] = [];
  /** Where in `out` the parentheses of `calls` are. */
  const opened: number[] = [];
  let [before, end, positional] = ['', 0, 0];
  for (const { groups = {}, 0: token, index } of text.matchAll(TOKENS)) {
    end = index + token.length;
    const { skipped, string, prefix, quoted, project, number, word } = groups;
    if (skipped !== undefined) continue;
    const upper = token.toUpperCase();
    if (out.length === 0 && !/^(SELECT|WITH|\()$/.test(upper)) throw unsupported(`The statement ${upper}`);
    if (word !== undefined && REFUSED_WORDS.test(upper)) throw unsupported(upper);
    if (token === '(') {
      if (REFUSED_CALLS.test(before)) throw unsupported(`${before}()`);
      calls.push(before);
      if (RENAMED.has(before)) out.splice(-1, 1, RENAMED.get(before) ?? '');
      opened.push(out.push('('));
    } else if (token === '[' && /[\w\x60\])]$/.test(before) && !/^(SELECT|THEN|ELSE|ARRAY)$/.test(before)) {
      throw unsupported('The subscript operator []');
    } else if (string !== undefined) {
      const isText = /^r$/i.test(prefix ?? '') || (prefix === '' && !string.includes('\\'));
      if (!isText) throw unsupported('A bytes literal or an escape sequence');
      const isTyped = /^(TIMESTAMP|DATE|DATETIME|TIME|NUMERIC|DECIMAL|JSON)$/.test(before);
      if (isTyped) out.pop();
      const literal = `'${string.replaceAll("'", "''")}'`;
      out.push(isTyped ? `CAST ( ${literal} AS ${scalarType(before).duckDb} )` : literal);
    } else if (groups.parameter !== undefined) {
      out.push(parameter(token === '?' ? positional++ : token.slice(1).toLowerCase()));
    } else if (word !== undefined && before === 'AS' && /^(SAFE_)?CAST$/.test(calls.at(-1) ?? '')) {
      if (REFUSED_CASTS.test(upper)) throw unsupported(`A cast to ${upper}`);
      if (scalarType(upper).duckDb === 'VARCHAR') {
        out.splice(opened.at(-1) ?? 0, 0, TEXT_MACRO, '(');
        out.splice(-1, 0, ')');
      }
      out.push(scalarType(upper).duckDb);
    } else if (quoted !== undefined) out.push(quoted.split('.').map(quoteName).join('.'));
    else if (project !== undefined) out.push(quoteName(project));
    // In DuckDB 1.5 is a DECIMAL, and 1.5e0 a DOUBLE.
    else out.push(number !== undefined && /^\d*\.\d*$/.test(number) ? `${number}e0` : token);
    if (token === ')') {
      calls.pop();
      opened.pop();
    }
    before = upper;
  }
  if (end < text.length) throw invalidQuery(`Syntax error: Illegal input character "${text[end]}"`);
  return out.join(' ');
}
