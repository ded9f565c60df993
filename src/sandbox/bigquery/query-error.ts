import { ApiError, invalidQuery } from './api-error.ts';

/** What DuckDB says, and how the service words the same; `$1` is DuckDB's first group. */
const WORDINGS: readonly (readonly [RegExp, string])[] = [
  [/Parser Error: syntax error at or near "(.*)"/, 'Syntax error: Unexpected "$1"'],
  [/Parser Error: syntax error at end of input/, 'Syntax error: Unexpected end of script'],
  [/Referenced column "(.*?)" not found/, 'Unrecognized name: $1'],
  [/Referenced table "(.*?)" not found/, 'Unrecognized name: $1'],
  [/Table "(.*?)" does not have a column named "(.*?)"/, 'Name $2 not found inside $1'],
  [/Could not find key "(.*?)" in struct/, 'Field name $1 does not exist in STRUCT'],
  [/(?:Function|Macro) with name (\S+) does not exist/i, 'Function not found: $1'],
  [/No function matches the given name and argument types '(.*?)'/, 'No matching signature for function $1'],
  [/Ambiguous reference to column name "(.*?)"/, 'Column name $1 is ambiguous'],
  [
    /column "(.*?)" must appear in the GROUP BY clause/,
    'SELECT list expression references column $1 which is neither grouped nor aggregated',
  ],
  [/Could not convert string '(.*?)' to INT64/, 'Bad int64 value: $1'],
  [/Could not convert string '(.*?)' to DOUBLE/, 'Bad double value: $1'],
  [/Could not convert string '(.*?)' to BOOL/, 'Bad bool value: $1'],
  [/invalid timestamp field format: "(.*?)"/, "Invalid timestamp: '$1'"],
];

/** The API's error for whatever a query threw; what is the fault of DuckDB, and not of the query, stays as it is. */
export function queryError(error: unknown): unknown {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/^(INTERNAL|FATAL) Error/.test(message)) return error;
  for (const [pattern, wording] of WORDINGS) {
    const match = pattern.exec(message);
    if (match !== null)
      return invalidQuery(wording.replace(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? ''));
  }
  return invalidQuery((message.split('\n')[0] ?? '').replace(/^\w+(?: \w+)* Error: /, ''));
}
