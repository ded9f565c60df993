import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { translateSql } from './translate-sql.ts';

const names = {
  table: (path: readonly string[]) => `T_${path.join('_').replaceAll('-', '_')}`,
  parameter: (name: string | number) => `P_${name}`,
};

const translate = (sql: string) => translateSql(sql, names);
const refusal = (sql: string): string => {
  try {
    return `not refused: ${translate(sql)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

suite('translateSql', ({ test }) => {
  const cases: Record<string, [sql: string, translated: string][]> = {
    'tables are found in FROM clauses only': [
      ['SELECT a.b FROM `p-1.d.t`', 'SELECT a . "b" FROM T_p_1_d_t AS "t"'],
      ['SELECT 1 FROM my-project.d.t x', 'SELECT 1 FROM T_my_project_d_t AS "x"'],
      ['SELECT 1 FROM `p`.d.`t` AS `x y`', 'SELECT 1 FROM T_p_d_t AS "x y"'],
      [
        'SELECT f(a, b) FROM d.t, d.u JOIN d.v USING (x, y) WHERE (a, b) IN (1, 2)',
        'SELECT f ( a , b ) FROM T_d_t AS "t" , T_d_u AS "u" JOIN T_d_v AS "v" USING ( x , y ) WHERE ( a , b ) IN ( 1 , 2 )',
      ],
      ['SELECT EXTRACT(DAY FROM a), b FROM d.t', 'SELECT EXTRACT ( DAY FROM a ) , b FROM T_d_t AS "t"'],
      ['SELECT a IS DISTINCT FROM b FROM d.t', 'SELECT a IS DISTINCT FROM b FROM T_d_t AS "t"'],
      ['SELECT 1 FROM (d.t JOIN d.u ON true)', 'SELECT 1 FROM ( T_d_t AS "t" JOIN T_d_u AS "u" ON true )'],
      [
        'SELECT 1 FROM (SELECT a, b FROM d.t) x, d.u',
        'SELECT 1 FROM ( SELECT a , b FROM T_d_t AS "t" ) x , T_d_u AS "u"',
      ],
      ['WITH t AS (SELECT 1) SELECT * FROM t, d.t', 'WITH t AS ( SELECT 1 ) SELECT * FROM "t" AS "t" , T_d_t AS "t"'],
    ],
    'arrays are unnested under the name of their element': [
      ['SELECT x FROM d.t, UNNEST(a) AS x', 'SELECT x FROM T_d_t AS "t" , UNNEST ( a ) AS "x"("x")'],
      ['SELECT x FROM UNNEST([f(1, 2), 3]) x', 'SELECT x FROM UNNEST ( [ f ( 1 , 2 ) , 3 ] ) AS "x"("x")'],
      ['SELECT 1 IN UNNEST(@a)', 'SELECT 1 IN bq_list ( P_a )'],
    ],
    'literals and comments are taken as a whole': [
      ['SELECT "a\'FROM d.t" # FROM d.u\n, 1 -- "', "SELECT 'a''FROM d.t' , 1"],
      ["SELECT r'\\d', '\\u00e4\\n', '''a'b''' /* ' */", "SELECT '\\d' , 'ä\n' , 'a''b'"],
      ['SELECT 1.5, .5, 1e3, 2', 'SELECT 1.5e0 , .5e0 , 1e3 , 2'],
      ['SELECT `a"b`, @p, ?, ?;', 'SELECT "a""b" , P_p , P_0 , P_1'],
      ['SELECT DATE \'2024-01-01\', TIMESTAMP "2024-01-01"', "SELECT DATE '2024-01-01' , TIMESTAMPTZ '2024-01-01'"],
    ],
    'types are renamed where they are types': [
      ['SELECT CAST(date AS FLOAT64) AS date', 'SELECT CAST ( date AS DOUBLE ) AS date'],
      ['SELECT SAFE_CAST(f(a) AS TIMESTAMP)', 'SELECT TRY_CAST ( f ( a ) AS TIMESTAMPTZ )'],
      ['SELECT timestamp, t.date, DATE(timestamp)', 'SELECT timestamp , t . "date" , bq_date ( timestamp )'],
    ],
    'words of DuckDB': [
      ['SELECT * EXCEPT (a) FROM d.t', 'SELECT * EXCLUDE ( a ) FROM T_d_t AS "t"'],
      ['SELECT 1 EXCEPT DISTINCT SELECT 2', 'SELECT 1 EXCEPT DISTINCT SELECT 2'],
      ['SELECT user, x.table', 'SELECT "user" , x . "table"'],
      ['SELECT TIMESTAMP_TRUNC(a, DAY), DAY', "SELECT TIMESTAMP_TRUNC ( a , 'DAY' ) , DAY"],
      ['SELECT CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP', 'SELECT now() , now()'],
    ],
  };
  for (const [name, examples] of Object.entries(cases)) {
    test(name, () => {
      for (const [sql, translated] of examples) assert.is(translate(sql), translated);
    });
  }

  test('what is no query, or would mean another thing, is refused with its place', () => {
    for (const [sql, message] of [
      ['', 'Syntax error: Unexpected end of script'],
      ['SELEC 1', 'Syntax error: Unexpected identifier "SELEC" at [1:1]'],
      ['FROM d.t', 'Syntax error: Unexpected keyword FROM at [1:1]'],
      ["SELECT * FROM 'x.csv'", 'Syntax error: Unexpected string literal "x.csv" at [1:15]'],
      ['SELECT * FROM (\n"x.csv")', 'Syntax error: Unexpected string literal "x.csv" at [2:1]'],
      ['SELECT * FROM f(1)', 'Table-valued function not found: f'],
      ['SELECT a::INT64', 'Syntax error: Illegal input character ":" at [1:9]'],
      ["SELECT 'a", 'Syntax error: Unclosed string literal at [1:8]'],
      ["SELECT '\\q'", 'Syntax error: Illegal escape sequence: \\q at [1:9]'],
      ['SELECT 1; SELECT 2', 'A script of several statements is not supported by the local sandbox at [1:9]'],
      ['UPDATE d.t SET a = 1', 'The statement UPDATE is not supported by the local sandbox at [1:1]'],
      ['SELECT a[0]', 'The subscript operator [] is not supported by the local sandbox at [1:9]'],
      ['SELECT CONCAT(a, b)', 'CONCAT() is not supported by the local sandbox at [1:8]'],
      ['SELECT CAST(a AS ARRAY)', 'CAST to ARRAY is not supported by the local sandbox at [1:18]'],
      ['SELECT EXTRACT(DAYOFWEEK FROM a)', 'The date part DAYOFWEEK is not supported by the local sandbox at [1:16]'],
      ['SELECT 1 FROM UNNEST(a) WITH OFFSET', 'WITH OFFSET is not supported by the local sandbox at [1:25]'],
    ] as const) {
      assert.is(refusal(sql), message);
    }
  });
});
