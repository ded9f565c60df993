import { BigQuery, type Dataset, type Table } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import * as assert from 'uvu/assert';
import { apiFailure, isRecord } from '../../testing/api-failure.ts';
import { insertErrorsOf, RAW, startTestBigQuery, type TestBigQuery } from '../../testing/bigquery-client.ts';
import { suite } from '../../testing/suite.ts';

const EVERY_TYPE = [
  { name: 'string', type: 'STRING', mode: 'REQUIRED' },
  { name: 'bytes', type: 'BYTES' },
  { name: 'int', type: 'INT64' },
  { name: 'float', type: 'FLOAT64' },
  { name: 'numeric', type: 'NUMERIC' },
  { name: 'bool', type: 'BOOL' },
  { name: 'timestamp', type: 'TIMESTAMP' },
  { name: 'date', type: 'DATE' },
  { name: 'json', type: 'JSON' },
  { name: 'list', type: 'INT64', mode: 'REPEATED' },
  {
    name: 'record',
    type: 'STRUCT',
    fields: [
      { name: 'a', type: 'STRING' },
      { name: 'times', type: 'TIMESTAMP', mode: 'REPEATED' },
    ],
  },
  { name: 'records', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'k', type: 'STRING' }] },
];

const FULL_ROW = {
  string: 'ä "quoted" 🙂',
  bytes: Buffer.from([0, 1, 255]).toString('base64'),
  int: '9007199254740993',
  float: 0.1,
  numeric: '-12345678901234567890.123456789',
  bool: true,
  timestamp: '2026-02-28T23:59:59.123456Z',
  date: '2024-02-29',
  json: '{"a": [1, null]}',
  list: [1, '2', 3],
  record: { a: 'x', times: ['2026-01-01 02:00:00+02:00', 1767225600.5] },
  records: [{ k: 'p' }, { k: null }, {}],
};

/** FULL_ROW in the API's format with int64 timestamps. */
const FULL_WIRE = {
  f: [
    { v: FULL_ROW.string },
    { v: 'AAH/' },
    { v: '9007199254740993' },
    { v: '0.1' },
    { v: '-12345678901234567890.123456789' },
    { v: 'true' },
    { v: '1772323199123456' },
    { v: '2024-02-29' },
    { v: '{"a":[1,null]}' },
    { v: [{ v: '1' }, { v: '2' }, { v: '3' }] },
    { v: { f: [{ v: 'x' }, { v: [{ v: '1767225600000000' }, { v: '1767225600500000' }] }] } },
    { v: [{ v: { f: [{ v: 'p' }] } }, { v: { f: [{ v: null }] } }, { v: { f: [{ v: null }] } }] },
  ],
};

suite('BigQuery through its official client', ({ test, before, after, beforeEach }) => {
  let server: TestBigQuery;
  let bigquery: BigQuery;
  let dataset: Dataset;

  const rowsOf = async (query: string, options = {}): Promise<unknown[]> =>
    (await bigquery.query({ query, defaultDataset: { datasetId: dataset.id ?? '' }, ...options }))[0];
  const createTable = async (fields: object[], options = {}): Promise<Table> =>
    (await dataset.createTable('t', { schema: fields, ...options }))[0];

  before(async () => {
    server = await startTestBigQuery();
    bigquery = server.bigquery;
  });
  after(() => server.close());
  beforeEach(async () => {
    dataset = await server.newDataset();
  });

  test('answers with and without /bigquery/v2', async () => {
    process.env.BIGQUERY_EMULATOR_HOST = server.origin;
    try {
      const client = new BigQuery({ projectId: 'my-project', authClient: new PassThroughClient() });
      const [found] = await client.dataset(dataset.id ?? '').get();
      assert.is(found.id, dataset.id);
      assert.equal((await client.query('SELECT 1 AS one'))[0], [{ one: 1 }]);
    } finally {
      delete process.env.BIGQUERY_EMULATOR_HOST;
    }
    assert.is((await bigquery.dataset(dataset.id ?? '').exists())[0], true);
  });

  test('datasets: created, listed, deleted', async () => {
    const [made] = await bigquery.createDataset('life', { labels: { env: 'test' }, description: 'one' });
    assert.is(made.metadata.id, 'my-project:life');
    assert.is(made.metadata.location, 'US');
    const again = await apiFailure(bigquery.createDataset('life'));
    assert.equal(again, { code: 409, message: 'Already Exists: Dataset my-project:life', reason: 'duplicate' });
    const [metadata] = await made.getMetadata();
    assert.is(metadata.description, 'one');
    assert.equal(metadata.labels, { env: 'test' });
    const [all] = await bigquery.getDatasets();
    assert.ok(all.some(({ id }) => id === 'life'));
    await made.createTable('t', { schema: 'a:string' });
    const inUse = await apiFailure(made.delete());
    assert.equal(inUse, { code: 400, message: 'Dataset my-project:life is still in use', reason: 'resourceInUse' });
    await made.delete({ force: true });
    assert.is((await made.exists())[0], false);
    const gone = await apiFailure(made.getMetadata());
    assert.equal(gone, { code: 404, message: 'Not found: Dataset my-project:life', reason: 'notFound' });
    assert.match((await apiFailure(bigquery.createDataset('a b'))).message, 'Invalid dataset ID "a b"');
    await bigquery.createDataset('life');
    assert.equal((await made.getTables())[0], []);
  });

  test('tables: created, listed, deleted', async () => {
    const fields = [
      { name: 'id', type: 'STRING', mode: 'REQUIRED', description: 'which' },
      { name: 'at', type: 'TIMESTAMP' },
    ];
    const layout = { timePartitioning: { type: 'DAY', field: 'at' }, clustering: { fields: ['id'] } };
    const table = await createTable(fields, { description: 'd', labels: { a: 'b' }, ...layout });
    const name = `my-project:${dataset.id}.t`;
    const [metadata] = await table.getMetadata();
    assert.is(metadata.id, name);
    assert.equal(metadata.timePartitioning, layout.timePartitioning);
    assert.equal(metadata.clustering, layout.clustering);
    assert.equal(metadata.labels, { a: 'b' });
    assert.is(metadata.numRows, '0');
    assert.equal(metadata.schema.fields, [fields[0], { ...fields[1], mode: 'NULLABLE' }]);
    const again = await apiFailure(createTable([{ name: 'a', type: 'STRING' }]));
    assert.equal(again, { code: 409, message: `Already Exists: Table ${name}`, reason: 'duplicate' });
    const [tables] = await dataset.getTables();
    assert.is(tables.map(({ id }) => id).join(), 't');
    await table.delete();
    const gone = await apiFailure(table.getMetadata());
    assert.equal(gone, { code: 404, message: `Not found: Table ${name}`, reason: 'notFound' });
    assert.equal((await apiFailure(table.insert({ id: 'x' }))).message, `Not found: Table ${name}`);
    assert.match((await apiFailure(dataset.createTable('a.b', {}))).message, 'Invalid table ID "a.b"');
    assert.is((await apiFailure(dataset.createTable('v', { view: 'SELECT 1' }))).code, 400);
    assert.is((await apiFailure(dataset.createTable('u', { schema: 'a:uuid' }))).code, 400);
    assert.is((await apiFailure(dataset.createTable('u', { schema: 'a:string, A:string' }))).code, 400);
  });

  test('columns can be added to a table and made NULLABLE; every other change is refused', async () => {
    const id = { name: 'id', type: 'STRING', mode: 'REQUIRED' };
    const table = await createTable([id]);
    const patch = (...fields: object[]) => table.setMetadata({ schema: { fields } });
    await table.insert(Array.from({ length: 3000 }, () => ({ id: 'old' })));
    const tags = { name: 'tags', type: 'STRING', mode: 'REPEATED' };
    const record = { name: 'r', type: 'RECORD', fields: [{ name: 'a', type: 'INT64' }] };
    await patch(id, tags, record);
    await table.insert({ id: 'new', tags: ['x'], r: { a: 1 } });
    assert.equal(await rowsOf('SELECT DISTINCT id, tags, r FROM t ORDER BY id'), [
      { id: 'new', tags: ['x'], r: { a: 1 } },
      { id: 'old', tags: [], r: null },
    ]);
    assert.is((await table.getMetadata())[0].numRows, '3001');
    const mismatch = `Provided Schema does not match Table my-project:${dataset.id}.t`;
    const removed = await apiFailure(patch(tags, record));
    assert.equal([removed.code, removed.reason], [400, 'invalid']);
    assert.match(removed.message, mismatch);
    assert.is(removed.message, `${mismatch}. Field id is missing in new schema`);
    const changed = async (...fields: object[]) => (await apiFailure(patch(...fields))).message;
    const retyped = `${mismatch}. Field id has changed type from STRING to INTEGER`;
    assert.is(await changed({ ...id, type: 'INT64' }, tags, record), retyped);
    const remoded = `${mismatch}. Field tags has changed mode from REPEATED to NULLABLE`;
    assert.is(await changed(id, { ...tags, mode: 'NULLABLE' }, record), remoded);
    const wider = { ...record, fields: [...record.fields, { name: 'b', type: 'INT64' }] };
    assert.is(await changed(id, tags, wider), 'A change inside of RECORD r is not supported by the local sandbox');
    assert.match((await apiFailure(patch(id, tags, record, { ...id, name: 'more' }))).message, mismatch);
    assert.is((await apiFailure(table.setMetadata({ description: 'other' }))).code, 400);
    assert.equal((await table.getMetadata())[0].schema.fields.length, 3);
    await patch({ ...id, mode: 'NULLABLE', description: 'may be absent' }, tags, record);
    await table.insert({ tags: ['y'] });
    assert.equal((await table.getRows())[0].at(-1), { id: null, tags: ['y'], r: null });
    assert.match(await changed(id, tags, record), 'has changed mode from NULLABLE to REQUIRED');
  });

  test("every type is returned in the API's form, from the table and from a query", async () => {
    const table = await createTable(EVERY_TYPE);
    await table.insert([FULL_ROW, { string: 'nothing else' }]);
    const path = `/datasets/${dataset.id}/tables/t`;
    const { rows } = (await server.get(`${path}/data?formatOptions.useInt64Timestamp=true`)).body;
    assert.ok(Array.isArray(rows));
    assert.equal(rows[0], FULL_WIRE);
    const { rows: floats } = (await server.get(`${path}/data?maxResults=1`)).body;
    assert.match(JSON.stringify(floats), '{"v":"1772323199.123456"}');

    const [listed] = await table.getRows();
    const queried = await rowsOf('SELECT * FROM t ORDER BY string DESC');
    assert.equal(queried, listed);
    const [full, empty] = listed;
    assert.equal(full.bytes, Buffer.from([0, 1, 255]));
    assert.is(full.numeric.toFixed(), FULL_ROW.numeric);
    assert.is(full.timestamp.value, '2026-02-28T23:59:59.123456000Z');
    assert.is(full.date.value, '2024-02-29');
    assert.equal(full.list, [1, 2, 3]);
    assert.equal(full.records, [{ k: 'p' }, { k: null }, { k: null }]);
    assert.is(empty.record, null);
    assert.equal(empty.list, []);

    const job = { query: `SELECT * FROM \`my-project.${dataset.id}.t\` LIMIT 1`, useLegacySql: false };
    const { body } = await server.post(
      '/queries',
      JSON.stringify({ ...job, formatOptions: { useInt64Timestamp: true } }),
    );
    assert.equal(body.rows, [FULL_WIRE]);
    const types = ({ schema }: Record<string, unknown>) =>
      isRecord(schema) && Array.isArray(schema.fields) ? schema.fields.map(({ type }) => type) : [];
    assert.equal(types(body), types((await server.get(path)).body));
    assert.is(types(body).at(-1), 'RECORD');
  });

  test('rows with a known insertId are dropped silently', async () => {
    const table = await createTable([{ name: 'n', type: 'INTEGER' }]);
    const rows = [1, 2, 3].map((n) => ({ insertId: `id-${n % 3}`, json: { n } }));
    await table.insert(rows, RAW);
    await table.insert([...rows, { insertId: 'id-9', json: { n: 9 } }], RAW);
    await table.insert([{ json: { n: 10 } }, { json: { n: 10 } }], RAW);
    assert.equal(await rowsOf('SELECT COUNT(*) AS `all`, COUNT(DISTINCT n) ids FROM t'), [{ all: 6, ids: 5 }]);
  });

  test('bad rows are named; the good ones stop, or go in with skipInvalidRows', async () => {
    const table = await createTable([
      { name: 'id', type: 'STRING', mode: 'REQUIRED' },
      { name: 'n', type: 'INT64' },
      { name: 'at', type: 'TIMESTAMP' },
      { name: 'list', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'v', type: 'FLOAT64' }] },
    ]);
    const jsons = [
      { id: 'good' },
      { id: 'a', x: 1 },
      { n: 1 },
      { id: 'a', n: 'medium' },
      { id: 'a', at: 'yesterday' },
      { id: 'a', list: [{ v: 1 }, { v: [1] }] },
      { id: true },
      { id: 'a', list: [{ y: 1 }] },
      { id: { a: 1 } },
    ];
    const rows = jsons.map((json, at) => ({ insertId: String(at), json }));
    const problem = (index: number, location: string, message: string, reason = 'invalid') => ({
      index,
      errors: [{ reason, location, debugInfo: '', message }],
    });
    const bad = [
      problem(1, 'x', 'no such field: x.'),
      problem(2, '', 'Missing required field: Msg_0_CLOUD_QUERY_TABLE.id.'),
      problem(3, 'n', 'Cannot convert value to integer (bad value): medium'),
      problem(
        4,
        'at',
        "Could not parse 'yesterday' as a timestamp. Required format is YYYY-MM-DD HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]]",
      ),
      problem(5, 'list[1].v', 'Array specified for non-repeated field: v.'),
      problem(6, 'id', 'Conversion from bool to std::string is unsupported.'),
      problem(7, 'list[0].y', 'no such field: y.'),
      problem(8, 'id', 'This field: id is not a record.'),
    ];
    assert.equal(await insertErrorsOf(table.insert(rows, RAW)), [problem(0, '', '', 'stopped'), ...bad]);
    assert.equal((await table.getRows())[0], []);
    assert.is((await apiFailure(table.getRows({ selectedFields: 'id' }))).code, 400);
    assert.equal(await insertErrorsOf(table.insert(rows, { ...RAW, skipInvalidRows: true })), bad);
    assert.equal((await table.getRows())[0], [{ id: 'good', n: null, at: null, list: [] }]);
    await table.insert([{ insertId: 'u', json: { id: 'b', x: 1, list: [{ y: 1 }] } }], {
      ...RAW,
      ignoreUnknownValues: true,
    });
    assert.equal(await rowsOf("SELECT id, n, list FROM t WHERE id = 'b'"), [{ id: 'b', n: null, list: [{ v: null }] }]);
  });

  test('a request of too many rows or bytes, or of none, is refused', async () => {
    await createTable([{ name: 's', type: 'STRING' }]);
    const path = `/datasets/${dataset.id}/tables/t/insertAll`;
    const none = await server.post(path, '{"rows": []}');
    assert.is(none.status, 400);
    assert.is(none.error.message, 'No rows present in the request.');
    const many = await server.post(path, JSON.stringify({ rows: Array(50_001).fill({ json: {} }) }));
    assert.is(many.status, 400);
    assert.match(String(many.error.message), 'too many rows present in the request');
    const large = await server.post(path, JSON.stringify({ rows: [{ json: { s: 'x'.repeat(10 * 1024 * 1024) } }] }));
    assert.is(large.status, 400);
    assert.equal(large.error.errors, [{ message: large.error.message, domain: 'global', reason: 'badRequest' }]);
    assert.is(large.error.message, 'Request payload size exceeds the limit: 10485760 bytes.');
    const template = await server.post(path, '{"rows": [{"json": {}}], "templateSuffix": "_a"}');
    assert.match(String(template.error.message), 'templateSuffix is not supported');
    assert.is((await server.post(path, '{"rows": [')).status, 400);
  });

  test('rows are paged in the order of their arrival', async () => {
    const table = await createTable([{ name: 'n', type: 'INT64' }]);
    const total = 12_000;
    await table.insert(Array.from({ length: total }, (_, n) => ({ n })));
    const [page, next] = await table.getRows({ maxResults: 2, startIndex: '3', autoPaginate: false });
    assert.equal(page, [{ n: 3 }, { n: 4 }]);
    assert.is(next?.pageToken, '5');
    const [all] = await table.getRows();
    assert.is(all.length, total);
    assert.ok(all.every(({ n }, at) => n === at));
    const [job] = await bigquery.createQueryJob(`SELECT n FROM ${dataset.id}.t ORDER BY n`);
    const [results, query] = await job.getQueryResults({ maxResults: 10, autoPaginate: false });
    assert.is(results.length, 10);
    assert.is(query?.pageToken, '10');
    assert.is((await job.getQueryResults())[0].length, total);
    assert.is((await rowsOf('SELECT n FROM t')).length, total);
    const [{ status, configuration }] = await job.getMetadata();
    assert.is(status.state, 'DONE');
    assert.equal([configuration.jobType, configuration.query.useLegacySql], ['QUERY', false]);
    assert.is(configuration.query.query, `SELECT n FROM ${dataset.id}.t ORDER BY n`);
    assert.is((await apiFailure(bigquery.job('nope').getMetadata())).message, 'Not found: Job my-project:nope');
  });

  test('parameters by name and by place', async () => {
    const at = BigQuery.timestamp('2026-01-01T00:00:00.5Z');
    const params = { s: "it's", n: 5, f: 1.5, b: true, at, day: BigQuery.date('2026-01-02') };
    const [row] = await rowsOf('SELECT @s AS s, @n AS n, @f AS f, @b AS b, @at AS `at`, @DAY AS day', { params });
    assert.equal(row, { ...params, at: BigQuery.timestamp('2026-01-01T00:00:00.500Z') });
    assert.equal(await rowsOf('SELECT ? + ? AS x', { params: [1, 2] }), [{ x: 3 }]);
    const typed = { params: { p: null, c: 'AAH/' }, types: { p: 'STRING', c: 'BYTES' } };
    assert.equal(await rowsOf('SELECT @p AS p, @c AS c', typed), [{ p: null, c: Buffer.from([0, 1, 255]) }]);
    const missing = await apiFailure(rowsOf('SELECT @nope'));
    assert.is(missing.message, "Query parameter 'nope' not found");
    assert.is((await apiFailure(rowsOf('SELECT @list AS x', { params: { list: ['a'] } }))).code, 400);
  });

  test('joins, groups, windows, nested and repeated columns', async () => {
    const table = await createTable(EVERY_TYPE);
    await table.insert([FULL_ROW, { string: 'b', int: 1 }, { string: 'b', int: 2 }]);
    const name = `my-project.${dataset.id}.t`;
    assert.equal(await rowsOf(`SELECT COUNT(*), COUNT(DISTINCT string) AS d FROM ${name}`), [{ f0_: 3, d: 2 }]);
    assert.equal(
      await rowsOf(`SELECT a.string AS s, SUM(b.int) AS total FROM \`${name}\` a JOIN t AS b USING (string)
        WHERE a.string = "b" GROUP BY s -- it's one group`),
      [{ s: 'b', total: 6 }],
    );
    assert.equal(
      await rowsOf(`WITH ranked AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY string ORDER BY int DESC) AS r FROM t)
        SELECT * EXCEPT (r), r AS n FROM (SELECT string, int, r FROM ranked) WHERE r = 1 ORDER BY string LIMIT 1`),
      [{ string: 'b', int: 2, n: 1 }],
    );
    assert.equal(await rowsOf("SELECT t.record.a FROM t WHERE date = DATE '2024-02-29'"), [{ a: 'x' }]);
    assert.equal(await rowsOf("SELECT string FROM t WHERE timestamp > TIMESTAMP '2026-02-28 23:59:59Z'"), [
      { string: FULL_ROW.string },
    ]);
    assert.equal(await rowsOf('SELECT SAFE_CAST("x" AS INT64) AS a, CAST("5" AS FLOAT64) / 2 AS b, 0.5 AS c'), [
      { a: null, b: 2.5, c: 0.5 },
    ]);
  });

  test('a cast to STRING writes numbers as GoogleSQL does', async () => {
    const [row] = await rowsOf(`SELECT CAST(5 AS STRING) AS i, CAST(5.0 AS STRING) AS f, CAST(0.25 AS STRING) AS q,
      CAST(NUMERIC '1.500' AS STRING) AS n, CAST(NUMERIC '100' AS STRING) AS h, CAST(NULL AS STRING) AS z,
      CAST(true AS STRING) AS b, CAST(DATE '2026-01-02' AS STRING) AS d, SAFE_CAST('x' AS STRING) AS s,
      CAST(DATETIME '2026-01-02T03:04:05' AS STRING) AS t, CAST(CAST('NaN' AS FLOAT64) AS STRING) AS nan`);
    const times = { d: '2026-01-02', t: '2026-01-02 03:04:05' };
    assert.equal(row, {
      i: '5',
      f: '5',
      q: '0.25',
      n: '1.5',
      h: '100',
      z: null,
      b: 'true',
      s: 'x',
      nan: 'nan',
      ...times,
    });
  });

  test('a bad query is refused with the code and reason of the service', async () => {
    await createTable([{ name: 'n', type: 'INT64' }]);
    const cases: [string, number, string, string][] = [
      ['SELECT x FROM t', 400, 'invalidQuery', 'Unrecognized name: x at [1:8]'],
      [
        'SELECT nope(n) FROM t',
        400,
        'invalidQuery',
        'Function not found: NOPE, which is not supported by the local sandbox',
      ],
      ['SELEC n FROM t', 400, 'invalidQuery', 'The statement SELEC is not supported by the local sandbox'],
      ['SELECT n FROM', 400, 'invalidQuery', 'Syntax error: Unexpected end of script at [1:14]'],
      ["SELECT 'a FROM t", 400, 'invalidQuery', 'Syntax error: Unclosed string literal at [1:8]'],
      ['SELECT 1 AS a, 2 AS a', 400, 'invalidQuery', 'Duplicate column names in the result'],
      ["SELECT * FROM '/etc/passwd'", 400, 'invalidQuery', 'Syntax error: Unexpected string literal at [1:15]'],
      ["SELECT * FROM read_text('/etc/passwd')", 400, 'invalidQuery', 'The table function read_text is not supported'],
      [
        'SELECT * FROM nope',
        404,
        'notFound',
        `Not found: Table my-project:${dataset.id}.nope was not found in location US`,
      ],
      ['SELECT * FROM none.nope', 404, 'notFound', 'Not found: Dataset my-project:none was not found in location US'],
      [
        'SELECT * FROM `other.none.nope`',
        404,
        'notFound',
        'Not found: Dataset other:none was not found in location US',
      ],
      ['SELECT * FROM `a.b.c.d`', 400, 'invalid', 'Invalid table name: `a.b.c.d`'],
      ['DELETE FROM t WHERE true', 400, 'invalidQuery', 'The statement DELETE is not supported by the local sandbox'],
      ['WITH a AS (SELECT 1) INSERT INTO t SELECT 1', 400, 'invalidQuery', 'A statement other than a query, INSERT'],
      ['SELECT [1, 2][OFFSET(0)]', 400, 'invalidQuery', 'The subscript operator [] is not supported'],
      ['SELECT n FROM UNNEST([1, 2]) AS n', 400, 'invalidQuery', 'UNNEST() is not supported'],
    ];
    for (const [query, code, reason, message] of cases) {
      const failure = await apiFailure(rowsOf(query));
      assert.equal({ code: failure.code, reason: failure.reason }, { code, reason }, query);
      assert.ok(failure.message.startsWith(message), `${query}: ${failure.message}`);
      assert.is(
        (await apiFailure(bigquery.createQueryJob({ query, defaultDataset: dataset.metadata.datasetReference }))).code,
        code,
      );
    }
    const { error } = await server.post(
      '/queries',
      JSON.stringify({ query: 'SELECT x FROM (SELECT 1)', useLegacySql: false }),
    );
    const message = 'Unrecognized name: x at [1:8]';
    const where = { location: 'query', locationType: 'parameter' };
    const errors = [{ message, domain: 'global', reason: 'invalidQuery', ...where }];
    assert.equal(error, { code: 400, message, errors, status: 'INVALID_ARGUMENT' });
    assert.is((await server.post('/queries', '{"query": "SELECT 1"}')).status, 400);
  });

  test('a job keeps its given id, which is unique', async () => {
    const options = { query: 'SELECT 1 AS one', jobId: 'mine' };
    const [job] = await bigquery.createQueryJob(options);
    assert.equal((await job.getQueryResults())[0], [{ one: 1 }]);
    const again = await apiFailure(bigquery.createQueryJob(options));
    assert.equal([again.code, again.message], [409, `Already Exists: Job my-project:US.${options.jobId}`]);
    assert.is((await apiFailure(bigquery.createQueryJob({ ...options, jobId: 'dry', dryRun: true }))).code, 400);
  });

  test('a call that the sandbox lacks is answered as not implemented, never not found', async () => {
    const routine = dataset.routine('x');
    const path = `/bigquery/v2/projects/my-project/datasets/${dataset.id}/routines/x`;
    const message = `GET ${path} is not implemented by the local sandbox`;
    assert.equal(await apiFailure(routine.exists()), { code: 501, message, reason: 'notImplemented' });
    assert.is((await apiFailure(dataset.getModels())).code, 501);
    for (const kind of ['load', 'copy', 'extract']) {
      const { status, error } = await server.post('/jobs', JSON.stringify({ configuration: { [kind]: {} } }));
      assert.equal([status, error.message], [501, `A ${kind} job is not implemented by the local sandbox`]);
    }
    const { error } = await server.get(`/datasets/${dataset.id}/routines/x`);
    assert.is(error.status, 'UNIMPLEMENTED');
    const replace = await fetch(`${server.origin}/bigquery/v2/projects/my-project/datasets/${dataset.id}`, {
      method: 'PUT',
    });
    assert.is(replace.status, 501);
  });

  test('parameters that would change the answer are refused; booleans are read in any case', async () => {
    const table = await createTable([{ name: 'at', type: 'TIMESTAMP' }]);
    await table.insert({ at: '2026-01-01T00:00:00Z' });
    const data = `/datasets/${dataset.id}/tables/t/data?formatOptions`;
    const micros = [{ f: [{ v: '1767225600000000' }] }];
    for (const query of ['useInt64Timestamp=True', 'useInt64Timestamp=TRUE', 'timestampOutputFormat=INT64']) {
      assert.equal((await server.get(`${data}.${query}`)).body.rows, micros, query);
    }
    const seconds = [{ f: [{ v: '1767225600.0' }] }];
    assert.equal((await server.get(`${data}.useInt64Timestamp=False`)).body.rows, seconds);
    for (const query of ['useInt64Timestamp=yes', 'timestampOutputFormat=ISO8601_STRING', 'other=1']) {
      assert.is((await server.get(`${data}.${query}`)).status, 400, query);
    }
    for (const query of ['alt=media', 'filter=labels.a:b']) {
      assert.is((await server.get(`/datasets?${query}`)).status, 400, query);
    }
    const { body } = await server.get(`/datasets?maxResults=1&prettyPrint=false&alt=json&fields=datasets`);
    assert.ok(Array.isArray(body.datasets) && body.datasets.length === 1);
    assert.is(body.nextPageToken, '1');
    const job = await bigquery.createQueryJob('SELECT TIMESTAMP "2026-01-01 00:00:00Z" AS `at`');
    const results = `/queries/${job[0].id}?formatOptions.useInt64Timestamp`;
    assert.equal((await server.get(`${results}=True`)).body.rows, micros);
    const inUse = `/bigquery/v2/projects/my-project/datasets/${dataset.id}?deleteContents`;
    const remove = (value: string) => fetch(`${server.origin}${inUse}=${value}`, { method: 'DELETE' });
    assert.is((await remove('False')).status, 400);
    assert.is((await remove('True')).status, 204);
    assert.is((await dataset.exists())[0], false);
  });
});
