import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { translateSql } from './translate-sql.ts';

const translate = (sql: string) => translateSql(sql, (key) => `P_${key}`);
const refusal = (sql: string): string => {
  try {
    return `not refused: ${translate(sql)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

suite('translateSql', ({ test }) => {
  const cases: Record<string, [sql: string, translated: string][]> = {
    'names in backticks are split at their dots': [
      ['SELECT a.b FROM `p-1.d.t` x', 'SELECT a . b FROM "p-1"."d"."t" x'],
      ['SELECT 1 FROM my-project.d.t', 'SELECT 1 FROM "my-project" . d . t'],
      ['SELECT a-b.c, `a"b`', 'SELECT a - b . c , "a""b"'],
    ],
    'literals and comments are taken as a whole': [
      ['SELECT "a\'FROM d.t" # FROM d.u\n, 1 -- "', "SELECT 'a''FROM d.t' , 1"],
      ["SELECT r'\\d', '''a'b''', '' /* ' */", "SELECT '\\d' , 'a''b' , ''"],
      ['SELECT 1.5, .5, 1e3, 2', 'SELECT 1.5e0 , .5e0 , 1e3 , 2'],
      ['SELECT @P, ?, ?;', 'SELECT P_p , P_0 , P_1'],
      ['SELECT TIMESTAMP "2024-01-01"', "SELECT CAST ( '2024-01-01' AS TIMESTAMPTZ )"],
    ],
    'types are renamed where they are types': [
      ['SELECT CAST(date AS FLOAT64) AS date', 'SELECT CAST ( date AS DOUBLE ) AS date'],
      ['SELECT SAFE_CAST(f(a) AS TIMESTAMP)', 'SELECT TRY_CAST ( f ( a ) AS TIMESTAMPTZ )'],
      ['SELECT CAST(f(a) AS STRING)', 'SELECT CAST ( memory.main.googlesql_text ( f ( a ) ) AS VARCHAR )'],
      [
        'SELECT CAST(CAST(a AS STRING) AS INT64), SAFE_CAST((b) AS STRING)',
        'SELECT CAST ( CAST ( memory.main.googlesql_text ( a ) AS VARCHAR ) AS BIGINT ) , TRY_CAST ( memory.main.googlesql_text ( ( b ) ) AS VARCHAR )',
      ],
      ['SELECT (SELECT a AS timestamp)', 'SELECT ( SELECT a AS timestamp )'],
    ],
    'words that DuckDB has other words for': [
      ['SELECT * EXCEPT (a) FROM d.t', 'SELECT * EXCLUDE ( a ) FROM d . t'],
      ['SELECT 1 EXCEPT DISTINCT SELECT 2', 'SELECT 1 EXCEPT DISTINCT SELECT 2'],
      ['SELECT COUNTIF(a), [1, 2]', 'SELECT count_if ( a ) , [ 1 , 2 ]'],
    ],
  };
  for (const [name, examples] of Object.entries(cases)) {
    test(name, () => {
      for (const [sql, translated] of examples) assert.is(translate(sql), translated);
    });
  }

  test('what is no query, or would mean another thing, is refused', () => {
    for (const [sql, message] of [
      ['UPDATE d.t SET a = 1', 'The statement UPDATE is not supported'],
      ['FROM d.t', 'The statement FROM is not supported'],
      ['SELECT a::INT64', 'Syntax error: Illegal input character ":"'],
      ["SELECT 'a", 'Syntax error: Illegal input character "\'"'],
      ['SELECT 1; SELECT 2', 'Syntax error: Illegal input character ";"'],
      ["SELECT 'a\\n'", 'A bytes literal or an escape sequence is not supported'],
      ["SELECT b'a'", 'A bytes literal or an escape sequence is not supported'],
      ['SELECT a[0]', 'The subscript operator [] is not supported'],
      ['SELECT f(a)[0]', 'The subscript operator [] is not supported'],
      ['SELECT CONCAT(a, b)', 'CONCAT() is not supported'],
      ['SELECT CAST(a AS ARRAY)', 'Invalid value for type: ARRAY'],
      ['SELECT EXTRACT(DAYOFWEEK FROM a)', 'DAYOFWEEK is not supported'],
      ['SELECT 1 FROM UNNEST(a)', 'UNNEST() is not supported'],
    ] as const) {
      assert.ok(refusal(sql).startsWith(message), `${sql}: ${refusal(sql)}`);
    }
  });
});
