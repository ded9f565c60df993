import { readFileSync } from 'node:fs';
import type { Dataset } from '@google-cloud/bigquery';
import * as assert from 'uvu/assert';
import { apiFailure, isRecord } from '../../testing/api-failure.ts';
import { startTestBigQuery, type TestBigQuery } from '../../testing/bigquery-client.ts';
import { suite } from '../../testing/suite.ts';
import { ALL_FUNCTION_NAMES } from './sql/compile-expression.ts';

const NOW = Date.parse('2026-03-01T12:34:56.789Z');

const FIELDS = [
  { name: 'device', type: 'STRING' },
  { name: 'n', type: 'INT64' },
  { name: 'f', type: 'FLOAT64' },
  { name: 'price', type: 'NUMERIC' },
  { name: 'taken', type: 'TIMESTAMP' },
  { name: 'day', type: 'DATE' },
  { name: 'local', type: 'DATETIME' },
  { name: 'payload', type: 'JSON' },
  { name: 'list', type: 'INT64', mode: 'REPEATED' },
  { name: 'place', type: 'RECORD', fields: [{ name: 'site', type: 'STRING' }] },
];
const ROWS = [
  {
    ...{ device: 'a', n: 1, f: 1.5, price: '2.5', taken: '2024-05-05T10:20:30.5Z', day: '2024-01-31' },
    ...{ local: '2024-05-05 10:20:30', list: [1, 2], place: { site: 'north' } },
    payload: '{"t": {"c": 21.5}, "unit": "C", "ok": true, "none": null, "all": [1, 2]}',
  },
  { device: 'b', n: 2, f: 'NaN', price: '0.1', taken: '2024-05-06T00:00:00Z' },
  { device: 'a' },
];

/** Converts a client's value as tests write it: numbers, booleans and strings unchanged, others as text. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Buffer.isBuffer(value)) return `0x${value.toString('hex')}`;
  if (!isRecord(value)) return value;
  if (typeof value.value === 'string') return value.value;
  const isBig = typeof value.toFixed === 'function';
  return isBig ? String(value) : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

suite('Queries of the BigQuery of the sandbox', ({ test, before, after }) => {
  let server: TestBigQuery;
  let dataset: Dataset;

  const query = async (sql: string, options = {}): Promise<unknown[][]> => {
    const defaultDataset = { datasetId: dataset.id ?? '' };
    const [rows] = await server.bigquery.query({ query: sql, defaultDataset, ...options });
    return rows.map((row) => Object.values(row).map(plain));
  };
  /** Returns the single row of the expressions, over the first row of the table. */
  const valuesOf = async (expressions: string): Promise<unknown[]> =>
    (await query(`SELECT ${expressions} FROM t WHERE n = 1`))[0] ?? [];
  const checkValues = async (cases: readonly (readonly [expression: string, value: unknown])[]): Promise<void> => {
    for (const [expression, value] of cases) assert.equal(await valuesOf(expression), [value], expression);
  };
  const checkRefusals = async (cases: readonly (readonly [sql: string, message: string])[]): Promise<void> => {
    for (const [sql, expected] of cases) {
      const { code, reason, message } = await apiFailure(query(sql));
      assert.equal([code, reason], [400, 'invalidQuery'], `${sql}: ${message}`);
      assert.ok(message.includes(expected), `${sql}: ${message}`);
    }
  };

  before(async () => {
    server = await startTestBigQuery({ now: () => NOW });
    dataset = await server.newDataset();
    const [table] = await dataset.createTable('t', { schema: FIELDS });
    await table.insert(ROWS);
  });
  after(() => server.close());

  test('syntax that DuckDB reads differently has its GoogleSQL meaning', async () => {
    await checkValues([
      ['CAST(2.5 AS INT64)', 3],
      ['CAST(-2.5 AS INT64)', -3],
      ["CAST(NUMERIC '2.5' AS INT64)", 3],
      ['0xFF', 255],
      ['-0x10', -16],
      ["'a_b' LIKE r'a\\_b'", true],
      ["'axb' LIKE r'a\\_b'", false],
      ["'axb' LIKE 'a_b'", true],
      ['1 / 4', 0.25],
      ['7 / 7', 1],
      ["CONCAT('a', NULL)", null],
      ['GREATEST(1, NULL)', null],
      ["REGEXP_EXTRACT('abc', 'z')", null],
      ["SUBSTR('abc', 0, 2)", 'ab'],
      ["TRIM('\\t x\\u00a0')", 'x'],
      ["JSON_VALUE(payload, '$.unit')", 'C'],
      ['EXTRACT(MILLISECOND FROM taken)', 500],
      ['EXTRACT(DAYOFWEEK FROM taken)', 1],
      ["'\\u00e4\\n' = 'ä\\n'", true],
      ["b'\\xff\\x00'", '0xff00'],
      ['CAST(1e20 AS STRING)', '1e+20'],
      ['2147483647 + 1', 2147483648],
      ['[1, 2]', [1, 2]],
    ]);
  });

  test('SQL that GoogleSQL refuses is refused with its message and position', async () => {
    await checkRefusals([
      ['SELECT 1/0', 'division by zero'],
      ['SELECT MOD(5, 0)', 'division by zero'],
      ["SELECT 1 = '1'", 'No matching signature for operator = for argument types: INT64, STRING at [1:10]'],
      [
        "SELECT n FROM t\nWHERE n = '1'",
        'No matching signature for operator = for argument types: INT64, STRING at [2:9]',
      ],
      ["SELECT n IN ('1') FROM t", 'No matching signature for operator IN'],
      ['SELECT SUM(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 1)', 'int64 overflow in SUM'],
      ['SELECT 9223372036854775807 + 1', 'Overflow in addition of INT64'],
      ['SELECT 9223372036854775808', 'Invalid integer literal: 9223372036854775808'],
      ['SELECT 1e308 * 10', 'floating point overflow'],
      ["SELECT CAST('2.5' AS INT64)", 'Bad int64 value: 2.5'],
      ["SELECT CAST('1' AS BOOL)", 'Bad bool value: 1'],
      ["SELECT CAST('2024-02-30' AS DATE)", 'Invalid date: 2024-02-30'],
      ["SELECT TIMESTAMP 'yesterday'", 'Invalid timestamp: yesterday'],
      ['SELECT CAST(taken AS INT64) FROM t', 'Invalid cast from TIMESTAMP to INT64'],
      [
        'SELECT LOWER(n) FROM t',
        'No matching signature for function LOWER for argument types: INT64 among those that docs/sandbox.md lists at [1:8]',
      ],
      ['SELECT n FROM t WHERE n', 'WHERE clause should return type BOOL, but returns INT64'],
      ['SELECT device, n FROM t GROUP BY device', 'column n which is neither grouped nor aggregated at [1:16]'],
      ['SELECT * FROM t GROUP BY device', 'which is neither grouped nor aggregated'],
      ['SELECT COUNT(*) FROM t WHERE COUNT(*) > 1', 'Aggregate function COUNT not allowed in WHERE clause'],
      ['SELECT payload FROM t ORDER BY payload', 'ORDER BY does not support expressions of type JSON'],
      ['SELECT DISTINCT payload FROM t', 'Column of type JSON cannot be used in SELECT DISTINCT'],
      ['SELECT n FROM t a, t b', 'Column name n is ambiguous'],
      ['SELECT place.nope FROM t', 'Field name nope does not exist in STRUCT'],
      ['SELECT 1 UNION ALL SELECT 2 EXCEPT DISTINCT SELECT 2', 'Different set operations'],
      ['SELECT 1 WHERE TRUE', 'Query without FROM clause cannot have a WHERE clause at [1:1]'],
      ['SELECT COUNT(*)', 'Query without FROM clause cannot use aggregation'],
      ['SELECT 1 FROM t HAVING TRUE', 'The HAVING clause requires GROUP BY or aggregation to be present'],
      ['SELECT n FROM t QUALIFY n > 1', 'The QUALIFY clause requires analytic function to be present'],
      ["SELECT CAST('0000-01-01' AS DATE)", 'Invalid date: 0000-01-01'],
      ["SELECT JSON_VALUE('{\"a\": 1.10}', '$.a')", 'a number that is not in its shortest form is not supported'],
      ["SELECT 'a' LIKE 'a\\\\'", 'LIKE pattern ends with a backslash'],
      ["SELECT JSON_VALUE(payload, '$.*') FROM t", 'Invalid token in JSONPath'],
      ['SELECT 1 AS at', 'Syntax error: Unexpected keyword AT at [1:13]'],
      ['SELECT (SELECT device FROM t)', 'More than one row returned by a subquery'],
      ["SELECT DATE_ADD(DATE '9999-12-31', INTERVAL 1 DAY)", 'Date is out of supported range'],
    ]);
  });

  test('comments, strings and names are read like in GoogleSQL', async () => {
    const id = dataset.id ?? '';
    const names = [
      `t`,
      `\`t\``,
      `${id}.t`,
      `\`${id}.t\``,
      `\`${id}\`.t`,
      `my-project.${id}.t`,
      `\`my-project.${id}.t\` AS x`,
    ];
    for (const name of names) assert.equal(await query(`SELECT n FROM ${name} WHERE n = 1;`), [[1]], name);
    const strings = `SELECT "a'FROM d.t", # FROM d.u
      r'\\d', '''a'b''', -- "
      """x"y
z""", /* ' */ 'it\\'s', '\\x41\\101\\U0001F642', R"\\\\", b'a\\xff', ''`;
    assert.equal(await query(strings), [["a'FROM d.t", '\\d', "a'b", 'x"y\nz', "it's", 'AA🙂', '\\\\', '0x61ff', '']]);
    assert.equal(await query('SELECT x.`a"b`, X.A FROM (SELECT 1 AS `a"b`, 2 AS a) AS x'), [[1, 2]]);
    assert.equal(await query('SELECT 1.5, .5, 1e3, 1., 007, TRUE, "Ä" = "ä"'), [[1.5, 0.5, 1000, 1, 7, true, false]]);
    await checkRefusals([
      ["SELECT 'a\nb'", 'Syntax error: Unclosed string literal at [1:8]'],
      ["SELECT '\\q'", 'Syntax error: Illegal escape sequence: \\q at [1:8]'],
      ['SELECT r"\\"', 'Syntax error: Unclosed string literal at [1:8]'],
      ['SELECT 1a', 'Syntax error: Missing whitespace between literal and alias at [1:8]'],
      ['SELECT 1 /* open', 'Syntax error: '],
    ]);
  });

  test('SQL of other dialects is refused', async () => {
    for (const sql of [
      'SELECT n::STRING FROM t',
      "SELECT 'it''s'",
      'SELECT DISTINCT ON (n) n FROM t',
      'SELECT n FROM t LIMIT 5 PERCENT',
      'SELECT n FROM t USING SAMPLE 5',
      "SELECT payload -> 'a' FROM t",
      'SELECT $1',
      "SELECT x'FF'",
      "SELECT device ILIKE 'A' FROM t",
      "SELECT device SIMILAR TO 'a' FROM t",
      'SELECT n % 2 FROM t',
      'SELECT n // 2 FROM t WHERE n ** 2 = 4',
      'PIVOT t ON n USING SUM(f)',
      'FROM t',
      'SELECT n FROM t ORDER BY ALL',
      'SELECT COLUMNS(*) FROM t',
      'SELECT 1 == 1',
      'SELECT "a" "b" "c"',
      'SELECT t.rowid FROM t',
      'SELECT current_setting("a")',
      'SELECT 1; SELECT 2',
    ]) {
      assert.is((await apiFailure(query(sql))).code, 400, sql);
    }
  });

  test('unsupported SQL is refused by name, with a pointer to the supported SQL', async () => {
    await checkRefusals(
      (
        [
          ['SELECT (1, 2)', 'A STRUCT written as (a, b)'],
          ['SELECT STRUCT(1 AS a)', 'STRUCT as a constructor'],
          ['SELECT ARRAY(SELECT 1)', 'ARRAY as a constructor'],
          ['SELECT list[OFFSET(0)] FROM t', 'The subscript operator []'],
          ['SELECT x FROM t, UNNEST(list) AS x', 'UNNEST()'],
          ['SELECT n IN UNNEST([1]) FROM t', 'UNNEST()'],
          ['SELECT 1 << 2', 'The operator <<'],
          ['SELECT price * 2 FROM t', 'The operator * on NUMERIC'],
          ['SELECT CAST(f AS NUMERIC) FROM t', 'A cast from FLOAT64 to NUMERIC'],
          ['SELECT payload.unit FROM t', 'The field .unit of a JSON value'],
          [
            'SELECT taken - taken FROM t',
            'The operator - between two values of type TIMESTAMP (TIMESTAMP_DIFF counts)',
          ],
          ['SELECT day = local FROM t', 'A comparison of a DATE with a DATETIME'],
          ['SELECT t FROM t', 'A whole row as a value, t'],
          ["SELECT TIMESTAMP_TRUNC(taken, DAY, 'Europe/Zurich') FROM t", 'The time zone "Europe/Zurich"'],
          ["SELECT FORMAT_TIMESTAMP('%c', taken) FROM t", 'The element %c in the format of FORMAT_TIMESTAMP'],
          ['SELECT EXTRACT(WEEK FROM taken) FROM t', 'EXTRACT(WEEK FROM …)'],
          ["SELECT SAFE.SUBSTR('a', 1, -1)", 'The prefix SAFE.'],
          ['SELECT n FROM t TABLESAMPLE SYSTEM (10 PERCENT)', 'TABLESAMPLE'],
          ['SELECT n FROM t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()', 'FOR after a table'],
          ['SELECT table_name FROM INFORMATION_SCHEMA.TABLES', 'INFORMATION_SCHEMA'],
          ['SELECT n FROM `t*`', 'A wildcard or decorator in t*'],
          ['SELECT device FROM t GROUP BY ROLLUP(device)', 'GROUP BY ROLLUP'],
          ['SELECT SUM(n) OVER (ORDER BY n RANGE UNBOUNDED PRECEDING) FROM t', 'A window frame by RANGE'],
          ['WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a', 'WITH RECURSIVE'],
          [`SELECT ${'('.repeat(200)}1${')'.repeat(200)}`, 'A query nested more than 100 levels deep'],
          [`SELECT 1${' + 1'.repeat(400)}`, 'A chain of more than 300 operators'],
          ['CREATE TABLE u AS SELECT 1', 'The statement CREATE'],
          ['UPDATE t SET n = 1 WHERE TRUE', 'The statement UPDATE'],
        ] as const
      ).map(([sql, what]) => [sql, what]),
    );
    const { message } = await apiFailure(query('SELECT (1, 2)'));
    const refusal = 'A STRUCT written as (a, b) is not supported by the local sandbox at [1:10]';
    assert.is(message, `${refusal}; docs/sandbox.md lists the SQL that it takes`);
    const unknown = await apiFailure(query('SELECT ARRAY_AGG(n) FROM t'));
    const list = ALL_FUNCTION_NAMES.join(', ');
    const start = `Function not found: ARRAY_AGG, which is not supported by the local sandbox; it takes ${list} at [1:8]`;
    assert.ok(unknown.message.startsWith(start), unknown.message);
  });

  test('TIMESTAMP_TRUNC, DATE_TRUNC and DATETIME_TRUNC', async () => {
    await checkValues([
      ['TIMESTAMP_TRUNC(taken, MINUTE)', '2024-05-05T10:20:00.000Z'],
      ['TIMESTAMP_TRUNC(taken, HOUR)', '2024-05-05T10:00:00.000Z'],
      ["TIMESTAMP_TRUNC(taken, DAY, 'UTC')", '2024-05-05T00:00:00.000Z'],
      // A Sunday: the week starts with it, the ISO week with the Monday before.
      ['TIMESTAMP_TRUNC(taken, WEEK)', '2024-05-05T00:00:00.000Z'],
      ['TIMESTAMP_TRUNC(taken, ISOWEEK)', '2024-04-29T00:00:00.000Z'],
      ['TIMESTAMP_TRUNC(taken, WEEK(SATURDAY))', '2024-05-04T00:00:00.000Z'],
      ['TIMESTAMP_TRUNC(taken, MONTH)', '2024-05-01T00:00:00.000Z'],
      ['TIMESTAMP_TRUNC(taken, QUARTER)', '2024-04-01T00:00:00.000Z'],
      ['TIMESTAMP_TRUNC(taken, YEAR)', '2024-01-01T00:00:00.000Z'],
      ["TIMESTAMP_TRUNC('2015-06-15 00:00:00+00', ISOYEAR)", '2014-12-29T00:00:00.000Z'],
      ['TIMESTAMP_TRUNC(NULL, DAY)', null],
      ['DATE_TRUNC(day, MONTH)', '2024-01-01'],
      ["DATE_TRUNC(DATE '2017-11-05', WEEK(MONDAY))", '2017-10-30'],
      ["DATE_TRUNC('2015-06-15', ISOYEAR)", '2014-12-29'],
      ['DATE_TRUNC(taken, DAY)', '2024-05-05T00:00:00.000Z'],
      ['DATETIME_TRUNC(local, HOUR)', '2024-05-05T10:00:00'],
    ]);
    await checkRefusals([
      ['SELECT DATE_TRUNC(day, HOUR) FROM t', 'DATE_TRUNC does not support the HOUR date part'],
      ['SELECT TIMESTAMP_TRUNC(taken, DECADE) FROM t', 'TIMESTAMP_TRUNC does not support the DECADE date part'],
      ["SELECT TIMESTAMP_TRUNC(taken, 'day') FROM t", 'A valid date part name is required'],
      ['SELECT TIMESTAMP_TRUNC(n, DAY) FROM t', 'No matching signature for function TIMESTAMP_TRUNC'],
    ]);
  });

  test("CURRENT_TIMESTAMP and the like return the server's time, once per query", async () => {
    await checkValues([
      ['CURRENT_TIMESTAMP()', '2026-03-01T12:34:56.789Z'],
      ['CURRENT_TIMESTAMP', '2026-03-01T12:34:56.789Z'],
      ['CURRENT_DATE()', '2026-03-01'],
      ['CURRENT_DATETIME()', '2026-03-01T12:34:56.789000'],
      ['CURRENT_TIME()', '12:34:56.789000'],
      ['DATE_DIFF(CURRENT_DATE(), DATE(taken), DAY)', 665],
      ['taken > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 24 HOUR)', false],
    ]);
    const [rows] = await server.bigquery.query('SELECT CURRENT_DATE, 1 AS one');
    assert.equal(Object.keys(rows[0] ?? {}), ['f0_', 'one']);
  });

  test('differences count boundaries of dates, and whole units of timestamps', async () => {
    await checkValues([
      ["DATE_DIFF(DATE '2010-07-07', DATE '2008-12-25', DAY)", 559],
      ["DATE_DIFF('2017-10-15', '2017-10-14', DAY)", 1],
      ["DATE_DIFF('2017-10-15', '2017-10-14', WEEK)", 1],
      ["DATE_DIFF('2017-12-18', '2017-12-17', WEEK)", 0],
      ["DATE_DIFF('2017-12-18', '2017-12-17', WEEK(MONDAY))", 1],
      ["DATE_DIFF('2017-12-18', '2017-12-17', ISOWEEK)", 1],
      ["DATE_DIFF('2017-10-14', '2017-10-15', WEEK)", -1],
      ["DATE_DIFF('2017-12-30', '2014-12-30', YEAR)", 3],
      ["DATE_DIFF('2017-12-30', '2014-12-30', ISOYEAR)", 2],
      ["DATE_DIFF('2024-02-01', '2024-01-31', MONTH)", 1],
      ["DATETIME_DIFF(DATETIME '2017-10-15 00:00:00', DATETIME '2017-10-14 23:59:59', DAY)", 1],
      ["TIMESTAMP_DIFF('2010-07-07 10:20:00+00', '2008-12-25 15:30:00+00', HOUR)", 13410],
      ["TIMESTAMP_DIFF('2018-08-14 00:00:00', '2018-10-14 00:00:00', DAY)", -61],
      ["TIMESTAMP_DIFF('2001-02-01 01:00:00', '2001-02-01 00:00:01', HOUR)", 0],
      ["TIMESTAMP_DIFF('2001-02-01 00:00:01', '2001-02-01 01:00:00', HOUR)", 0],
    ]);
    await checkRefusals([
      ['SELECT TIMESTAMP_DIFF(taken, taken, MONTH) FROM t', 'does not support the MONTH date part'],
    ]);
  });

  test('intervals are added and subtracted', async () => {
    await checkValues([
      ['TIMESTAMP_SUB(taken, INTERVAL 1 HOUR)', '2024-05-05T09:20:30.500Z'],
      ['TIMESTAMP_SUB(taken, INTERVAL n DAY)', '2024-05-04T10:20:30.500Z'],
      ['TIMESTAMP_ADD(taken, INTERVAL 2 * 15 MINUTE)', '2024-05-05T10:50:30.500Z'],
      ['TIMESTAMP_SUB(taken, INTERVAL NULL DAY)', null],
      ['taken - INTERVAL 10 MINUTE', '2024-05-05T10:10:30.500Z'],
      ['DATE_ADD(day, INTERVAL 1 MONTH)', '2024-02-29'],
      ["DATE_SUB('2024-03-31', INTERVAL 1 QUARTER)", '2023-12-31'],
      ['day + 1', '2024-02-01'],
      ['DATE(2024, 2, 29)', '2024-02-29'],
      ["DATETIME_ADD(DATETIME '2024-01-31 10:00:00', INTERVAL 1 MONTH)", '2024-02-29T10:00:00'],
    ]);
    await checkRefusals([
      ['SELECT TIMESTAMP_SUB(taken, INTERVAL 1 MONTH) FROM t', 'TIMESTAMP_SUB does not support the MONTH date part'],
      ['SELECT TIMESTAMP_SUB(taken, 1) FROM t', 'No matching signature for function TIMESTAMP_SUB'],
      ["SELECT TIMESTAMP_ADD('9999-12-31 00:00:00', INTERVAL 1 DAY)", 'Timestamp is out of supported range'],
    ]);
  });

  test('FORMAT_TIMESTAMP writes the supported elements', async () => {
    await checkValues([
      ["FORMAT_TIMESTAMP('%Y-%m-%d %H:%M:%S', taken)", '2024-05-05 10:20:30'],
      ["FORMAT_TIMESTAMP('%FT%TZ', taken, 'UTC')", '2024-05-05T10:20:30Z'],
      ["FORMAT_TIMESTAMP('%E3S %E*S %E6S', taken)", '30.500 30.5 30.500000'],
      ["FORMAT_TIMESTAMP('%b-%d-%y %a %I:%M %p %j Q%Q', taken)", 'May-05-24 Sun 10:20 AM 126 Q2'],
      ["FORMAT_TIMESTAMP('%s %Z %Ez %% 100', taken)", '1714904430 UTC +00:00 % 100'],
      ["FORMAT_TIMESTAMP('%F', NULL)", null],
      ["FORMAT_DATE('%A %B %d', day)", 'Wednesday January 31'],
      ["FORMAT_DATETIME('%H:%M', local)", '10:20'],
      ["FORMAT_TIMESTAMP('%Y', TIMESTAMP '0099-01-01')", '0099'],
    ]);
  });

  test('JSON_VALUE gives scalars as text, JSON_QUERY any part', async () => {
    await checkValues([
      ["JSON_VALUE(payload, '$.t.c')", '21.5'],
      ["JSON_VALUE(payload, '$.ok')", 'true'],
      ["JSON_VALUE(payload, '$.all[1]')", '2'],
      ["JSON_VALUE(payload, '$.t')", null],
      ["JSON_VALUE(payload, '$.all')", null],
      ["JSON_VALUE(payload, '$.none')", null],
      ["JSON_VALUE(payload, '$.nope')", null],
      ["JSON_QUERY(payload, '$.t')", '{"c":21.5}'],
      ["CAST(JSON_VALUE(payload, '$.t.c') AS FLOAT64)", 21.5],
      ['JSON_VALUE(\'{"a.b": {"c": "d"}}\', \'$."a.b".c\')', 'd'],
      ["JSON_VALUE('nope', '$.a')", null],
      ['JSON_VALUE(\'{"a": -0.5, "b": 1}\', \'$.a\')', '-0.5'],
      ["JSON_VALUE('12345678901234567890123')", '12345678901234567890123'],
      ['JSON_VALUE(JSON \'"x"\')', 'x'],
    ]);
  });

  test('SAFE_CAST returns NULL if CAST fails', async () => {
    await checkValues([
      ["SAFE_CAST('x' AS INT64)", null],
      ["SAFE_CAST(' 5 ' AS INT64)", 5],
      ["SAFE_CAST('2.5' AS INT64)", null],
      ["SAFE_CAST('0x1f' AS INT64)", 31],
      ["CAST('-0x1F' AS INT64)", -31],
      ["SAFE_CAST('2.5' AS FLOAT64)", 2.5],
      ['SAFE_CAST(1e30 AS INT64)', null],
      ["SAFE_CAST('2024-02-30' AS DATE)", null],
      ["SAFE_CAST('2024-01-02 03:04:05+02' AS TIMESTAMP)", '2024-01-02T01:04:05.000Z'],
      ["SAFE_CAST('maybe' AS BOOL)", null],
      ["SAFE_CAST(b'\\xff' AS STRING)", null],
      ['CAST(taken AS STRING)', '2024-05-05 10:20:30.500+00'],
      ['CAST(price AS STRING)', '2.5'],
      ['CAST(f AS STRING)', '1.5'],
      ['CAST(-0.0 AS STRING)', '-0'],
      ["CAST('2024-1-2t3:4:5z' AS TIMESTAMP)", '2024-01-02T03:04:05.000Z'],
      ["CAST('2024-1-2 3:4:5' AS DATETIME)", '2024-01-02T03:04:05'],
      ['CAST(taken AS DATE)', '2024-05-05'],
    ]);
    // SAFE applies to the cast, not to its operand.
    await checkRefusals([
      ['SELECT SAFE_CAST(1 / 0 AS STRING)', 'division by zero'],
      ['SELECT SAFE_CAST(taken AS INT64) FROM t', 'Invalid cast from TIMESTAMP to INT64'],
    ]);
  });

  test('SAFE_DIVIDE, IF, COALESCE and the like', async () => {
    await checkValues([
      ['SAFE_DIVIDE(1, 0)', null],
      ['SAFE_DIVIDE(n, 4)', 0.25],
      ['SAFE_DIVIDE(1e308, 1e-308)', null],
      ['IEEE_DIVIDE(1, 0)', 'Infinity'],
      ["IF(n > 1, 'big', 'small')", 'small'],
      ['IF(FALSE, 1 / 0, 2)', 2],
      ['IFNULL(NULL, n)', 1],
      ['COALESCE(n, DIV(1, 0))', 1],
      ['NULLIF(n, 1)', null],
      ['LEAST(n, 0.5)', 0.5],
      ["CASE n WHEN 1 THEN 'one' ELSE 'more' END", 'one'],
      ['CASE WHEN n IS NULL THEN 0.5 ELSE n END', 1],
      ['DIV(-7, 2)', -3],
      ['MOD(-7, 3)', -1],
      ['ROUND(-2.5)', -3],
    ]);
  });

  test('aggregates', async () => {
    const all = `COUNT(*), COUNT(n), COUNTIF(n > 1), COUNTIF(n IS NULL), SUM(n), AVG(n), MIN(n), MAX(taken), SUM(price),
      COUNT(DISTINCT device), STRING_AGG(device, '-' ORDER BY device DESC), LOGICAL_AND(n > 1), STDDEV(n)`;
    assert.equal(await query(`SELECT ${all} FROM t`), [
      [3, 2, 1, 1, 3, 1.5, 1, '2024-05-06T00:00:00.000Z', '2.6', 2, 'b-a-a', false, Math.SQRT1_2],
    ]);
    assert.equal(await query('SELECT COUNT(*), SUM(n), COUNTIF(TRUE), MAX(f) FROM t WHERE FALSE'), [
      [0, null, 0, null],
    ]);
    const readings = `SELECT device, TIMESTAMP_TRUNC(taken, DAY) AS d, COUNT(*) AS c, AVG(f) / COUNT(*) FROM t
      WHERE taken IS NOT NULL GROUP BY device, d HAVING c > 0 ORDER BY d DESC, AVG(f) / 2`;
    assert.equal(await query(readings), [
      ['b', '2024-05-06T00:00:00.000Z', 1, 'NaN'],
      ['a', '2024-05-05T00:00:00.000Z', 1, 1.5],
    ]);
    assert.equal(await query('SELECT device, SUM(COUNT(*)) OVER () FROM t GROUP BY 1 ORDER BY 1'), [
      ['a', 3],
      ['b', 3],
    ]);
    const counted = 'SELECT (SELECT COUNT(*) FROM t) + n AS k, SUM(NULL) FROM t WHERE n > 0 GROUP BY k ORDER BY k';
    assert.equal(await query(counted), [
      [4, null],
      [5, null],
    ]);
    const latest = `SELECT device, n FROM t WHERE TRUE
      QUALIFY ROW_NUMBER() OVER (PARTITION BY device ORDER BY taken DESC) = 1 ORDER BY device`;
    assert.equal(await query(latest), [
      ['a', 1],
      ['b', 2],
    ]);
  });

  test('NaN is equal to nothing, comes after NULL and before all numbers, and makes MIN and MAX NaN', async () => {
    assert.equal(await query('SELECT f, f = f, f < 2, f > 2, f != 2, f IN (1.5) FROM t ORDER BY f'), [
      [null, null, null, null, null, null],
      ['NaN', false, false, false, true, false],
      [1.5, true, true, false, true, true],
    ]);
    assert.equal(await query('SELECT f FROM t ORDER BY f DESC'), [[1.5], ['NaN'], [null]]);
    assert.equal(await query('SELECT MIN(f), MAX(f) FROM t'), [['NaN', 'NaN']]);
  });

  test('subqueries, joins and set operations', async () => {
    const correlated = `WITH q AS (SELECT device, n FROM t)
      SELECT q.*, (SELECT MAX(n) FROM q) AS most, EXISTS(SELECT 1 FROM t WHERE t.n = q.n) FROM q
      WHERE device IN (SELECT device FROM t WHERE n > 1)`;
    assert.equal(await query(correlated), [['b', 2, 2, true]]);
    assert.equal(await query('SELECT a.n, b.n AS m FROM t a LEFT JOIN t b ON a.n / 2 = b.n / 4 ORDER BY 1'), [
      [null, null],
      [1, 2],
      [2, null],
    ]);
    assert.equal(await query("SELECT device FROM t UNION DISTINCT SELECT 'z' ORDER BY device DESC LIMIT 2"), [
      ['z'],
      ['b'],
    ]);
    assert.equal(await query('SELECT 1 AS x UNION ALL SELECT 2.5 ORDER BY x'), [[1], [2.5]]);
    assert.equal(await query('SELECT place.site, list, ARRAY_LENGTH(list) FROM t WHERE n = 1'), [['north', [1, 2], 2]]);
  });

  test('a STRING literal or parameter is read as a date or a time', async () => {
    const sql = 'SELECT n FROM t WHERE taken BETWEEN @from AND @to AND day = "2024-01-31"';
    assert.equal(await query(sql, { params: { from: '2024-05-05', to: '2024-05-06 00:00:00Z' } }), [[1]]);
    assert.equal(await query('SELECT n FROM t ORDER BY n DESC LIMIT @most', { params: { most: 1 } }), [[2]]);
    const limits = { params: { most: null }, types: { most: 'INT64' } };
    const limit = await apiFailure(query('SELECT n FROM t LIMIT @most', limits));
    assert.is(limit.message, 'LIMIT must be a non-negative integer');
    const { message } = await apiFailure(query('SELECT n FROM t WHERE taken > device'));
    assert.match(message, 'No matching signature for operator > for argument types: TIMESTAMP, STRING');
  });

  test('docs/sandbox.md lists exactly the supported functions; its example runs', async () => {
    const document = readFileSync(new URL('../../../docs/sandbox.md', import.meta.url), 'utf8');
    const [, section = ''] = document.split('\n## BigQuery SQL\n');
    const [, table = ''] = section.split('| --- | --- |');
    const parts =
      /^(WEEK|ISOWEEK|ISOYEAR|YEAR|QUARTER|MONTH|DAY|HOUR|MINUTE|(MILLI|MICRO)?SECOND|DAYOF(WEEK|YEAR)|JSON|DISTINCT|OVER)$/;
    const [rows = ''] = table.split('\n\n');
    const names = [...rows.matchAll(/`([A-Z][A-Z0-9_]+)`/g)]
      .map(([, name = '']) => name)
      .filter((name) => !parts.test(name));
    assert.equal([...new Set([...names, 'DATE', 'TIME'])].sort(), [...ALL_FUNCTION_NAMES]);
    const example = /\n {4}SELECT device_id[\s\S]*?\n\n/.exec(section)?.[0] ?? '';
    const [readings] = await dataset.createTable('readings', {
      schema: 'device_id:string, received_at:timestamp, temperature:float, payload:json',
    });
    const payload = '{"rssi": -70}';
    await readings.insert([
      { device_id: 'a', received_at: '2026-03-01T12:00:00Z', temperature: 31, payload },
      { device_id: 'a', received_at: '2026-03-01T12:10:00Z', temperature: 29, payload: '{"rssi": "weak"}' },
      { device_id: 'a', received_at: '2026-02-01T12:10:00Z', temperature: 29, payload },
    ]);
    assert.equal(await query(example.replace('project.dataset.readings', 'readings')), [
      ['a', '2026-03-01T12:00:00.000Z', 2, 0.5, -70],
    ]);
  });

  test("every supported function answers, or refuses with GoogleSQL's message", async () => {
    const columns = FIELDS.map(({ name }) => name);
    let answers = 0;
    for (const name of ALL_FUNCTION_NAMES) {
      const calls = [...columns, 'NULL', "'$.a'", '1.5', '*', ''].map((arg) => `${name}(${arg})`);
      const ofTimes = /_(TRUNC|DIFF)$/.test(name) ? ['day', 'taken', 'local'] : [];
      const parts = ofTimes.flatMap((arg) => [`${name}(${arg}, ${arg}, DAY)`, `${name}(${arg}, HOUR)`]);
      for (const call of [...calls, ...parts, `${name}(n) OVER (ORDER BY n)`, `${name}(f, f)`]) {
        const body = { query: `SELECT ${call} FROM ${dataset.id}.t`, useLegacySql: false };
        const { status, error } = await server.post('/queries', JSON.stringify(body));
        answers += status === 200 ? 1 : 0;
        const isClean = status === 200 || (status === 400 && !/DuckDB|Error:/.test(String(error.message)));
        assert.ok(isClean, `${call}: ${status} ${error.message}`);
      }
    }
    assert.ok(answers > ALL_FUNCTION_NAMES.length, `${answers} answers`);
  });
});
