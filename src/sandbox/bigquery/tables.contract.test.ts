import type { Dataset, Table } from '@google-cloud/bigquery';
import * as assert from 'uvu/assert';
import { apiFailure, isRecord } from '../../testing/api-failure.ts';
import { insertErrorsOf, RAW, startTestBigQuery, type TestBigQuery } from '../../testing/bigquery-client.ts';
import { suite } from '../../testing/suite.ts';

const DAY_MS = 86_400_000;
const NOON = Date.parse('2026-11-28T12:00:00Z');
const dayFromNow = (days: number): string => new Date(NOON + days * DAY_MS).toISOString().slice(0, 10);
const decorator = (days: number): string => dayFromNow(days).replaceAll('-', '');

suite('tables, their columns and partitions, by a clock of the test', ({ test, before, after, beforeEach }) => {
  const settings = { schemaDelayMs: 0 };
  let now = NOON;
  let server: TestBigQuery;
  let dataset: Dataset;

  const createTable = async (fields: object[], options = {}): Promise<Table> =>
    (await dataset.createTable('t', { schema: fields, ...options }))[0];
  /** Returns why tables.insert and tables.patch refuse a table with these columns. */
  const refusalOf = async (...fields: object[]): Promise<string> => {
    const made = await apiFailure(createTable(fields));
    const first = { name: 'first', type: 'STRING', mode: 'NULLABLE' };
    const [table] = await (await server.newDataset()).createTable('t', { schema: [first] });
    const patched = await apiFailure(table.setMetadata({ schema: { fields: [first, ...fields] } }));
    assert.equal(patched, made);
    assert.is(made.code, 400);
    return made.message;
  };
  const rowCount = async (): Promise<unknown> => {
    const [row] = (await server.bigquery.query(`SELECT COUNT(*) AS n FROM ${dataset.id}.t`))[0];
    return isRecord(row) ? row.n : undefined;
  };

  before(async () => {
    server = await startTestBigQuery({ now: () => now, settings });
  });
  after(() => server.close());
  beforeEach(async () => {
    now = NOON;
    settings.schemaDelayMs = 0;
    dataset = await server.newDataset();
  });

  test('names of columns: letters of every language, digits, some signs', async () => {
    const names = [
      'first-name',
      'with space',
      'größe',
      '1st',
      "a&b%=+:'<>#|",
      '名前',
      'n'.repeat(300),
      '_partial',
      '_TABLE',
    ];
    const fields = names.map((name) => ({ name, type: 'STRING' }));
    const table = await createTable([...fields, { name: 'r', type: 'RECORD', fields }]);
    const row = Object.fromEntries(names.map((name) => [name, `value of ${name}`]));
    await table.insert({ ...row, r: row });
    assert.equal((await table.getRows())[0], [{ ...row, r: row }]);
    const query = `SELECT \`first-name\`, \`größe\`, \`1st\`, t.r.\`with space\` FROM ${dataset.id}.t`;
    const [selected] = (await server.bigquery.query(query))[0];
    assert.equal(Object.values(isRecord(selected) ? selected : {}), [
      'value of first-name',
      'value of größe',
      'value of 1st',
      'value of with space',
    ]);
  });

  test('names of columns that are refused, in a table and inside a record', async () => {
    const allowed = 'Fields must contain the allowed characters, and be at most 300 characters long.';
    const signs = [...'!"$()*,./;?@[\\]^`{}~'].map((sign) => `a${sign}b`);
    for (const name of [...signs, '', 'n'.repeat(301), 'a\nb', '🙂']) {
      const message = `Invalid field name "${name}". ${allowed}`;
      assert.is((await apiFailure(createTable([{ name, type: 'STRING' }]))).message, message);
    }
    const record = (name: string) => ({ name: 'r', type: 'RECORD', fields: [{ name, type: 'STRING' }] });
    assert.match(await refusalOf(record('a.b')), 'Invalid field name "a.b"');
    const prefixes = ['_TABLE_', '_FILE_', '_PARTITION', '_ROW_TIMESTAMP', '__ROOT__', '_COLIDENTIFIER'];
    for (const prefix of [...prefixes, '_CHANGE_SEQUENCE_NUMBER', '_CHANGE_TYPE', '_CHANGE_TIMESTAMP']) {
      const name = `${prefix.toLowerCase()}x`;
      const message = `Invalid field name "${name}". Field names are not allowed to start with the (case-insensitive) prefixes`;
      assert.match((await apiFailure(createTable([{ name, type: 'STRING' }]))).message, message);
    }
    assert.match(await refusalOf({ name: '_PartitionTime', type: 'STRING' }), 'Invalid field name "_PartitionTime"');
    assert.match(await refusalOf(record('_change_type')), 'Invalid field name "_change_type"');
    const twice = (name: string) => ({ name, type: 'STRING' });
    assert.is(await refusalOf(twice('a'), twice('A')), 'Field A already exists in schema');
    assert.is(
      await refusalOf({ name: 'r', type: 'RECORD', fields: [twice('größe'), twice('GRÖSSE'), twice('GRÖßE')] }),
      'Field GRÖßE already exists in schema',
    );
  });

  test('types, modes and fields of columns that are refused', async () => {
    const text = { name: 'a', type: 'STRING' };
    assert.is(await refusalOf({ name: 'r', type: 'RECORD' }), 'Field r is type RECORD but has no schema');
    assert.is(await refusalOf({ name: 'r', type: 'STRUCT', fields: [] }), 'Field r is type RECORD but has no schema');
    // The client would convert it to a RECORD.
    const table = { tableReference: { tableId: 't' }, schema: { fields: [{ ...text, fields: [text] }] } };
    const { error } = await server.post(`/datasets/${dataset.id}/tables`, JSON.stringify(table));
    assert.is(error.message, 'Field a is type STRING and cannot have fields');
    assert.match(await refusalOf({ ...text, type: 'VARCHAR' }), 'Invalid value for type: VARCHAR is not a valid value');
    assert.match(await refusalOf({ ...text, type: 'constructor' }), 'Invalid value for type: CONSTRUCTOR');
    for (const type of ['INTERVAL', 'RANGE']) {
      assert.match(await refusalOf({ ...text, type }), `The type ${type} is not supported by the local sandbox`);
    }
    assert.match(await refusalOf({ ...text, mode: 'SOMETIMES' }), 'Invalid mode: SOMETIMES');
    assert.match(await refusalOf({ ...text, description: 'd'.repeat(1025) }), 'longer than 1024 characters');
    const nested = (depth: number): object =>
      depth === 1 ? text : { name: 'r', type: 'RECORD', fields: [nested(depth - 1)] };
    await createTable([nested(15)]);
    assert.match(await refusalOf(nested(17)), 'nested more than 15 levels deep');
    assert.match((await apiFailure(createTable([text], { view: { query: 'SELECT 1' } }))).message, 'view of a table');
  });

  test('names of datasets and tables', async () => {
    for (const id of ['a-b', 'ä', 'x'.repeat(1025)]) {
      assert.match((await apiFailure(server.bigquery.createDataset(id))).message, `Invalid dataset ID "${id}"`);
    }
    const [table] = await dataset.createTable('tab le-größe', { schema: 'a:string' });
    assert.is((await table.exists())[0], true);
    for (const id of ['a.b', 'a$b', 'ä'.repeat(513)]) {
      assert.match(
        (await apiFailure(dataset.createTable(id, { schema: 'a:string' }))).message,
        `Invalid table ID "${id}"`,
      );
    }
  });

  test('a table is partitioned by a column that fits, and clustered by up to four', async () => {
    const fields = [
      ...['DATE', 'TIMESTAMP', 'DATETIME', 'INTEGER', 'STRING', 'FLOAT', 'JSON', 'GEOGRAPHY', 'BYTES', 'TIME'].map(
        (type) => ({
          name: type.toLowerCase(),
          type,
        }),
      ),
      { name: 'dates', type: 'DATE', mode: 'REPEATED' },
      { name: 'record', type: 'RECORD', fields: [{ name: 'date', type: 'DATE' }] },
    ];
    const attempt = async (layout: object): Promise<string> => {
      const [table] = await createTable(fields, layout).then(
        (made) => [made],
        (error: unknown) => [error],
      );
      if (table instanceof Error) return table.message;
      await dataset.table('t').delete();
      return 'made';
    };
    const byTime = (field?: string, type = 'DAY') =>
      attempt({ timePartitioning: { type, ...(field ? { field } : {}) } });
    for (const type of ['DAY', 'MONTH', 'YEAR']) {
      for (const field of ['date', 'timestamp', 'datetime', 'DATE', undefined])
        assert.is(await byTime(field, type), 'made');
    }
    assert.is(await byTime('timestamp', 'HOUR'), 'made');
    assert.is(await byTime('date', 'HOUR'), 'Partitioning by HOUR is not supported for the field date of type DATE.');
    assert.match(await byTime('date', 'WEEK'), 'Invalid value for timePartitioning.type: WEEK');
    assert.match(
      await byTime('missing'),
      'The field specified for partitioning cannot be found in the schema: missing',
    );
    assert.match(await byTime('record.date'), 'cannot be found in the schema: record.date');
    assert.match(await byTime('dates'), 'The field specified for partitioning cannot be repeated: dates');
    for (const field of ['integer', 'string', 'time', 'record']) {
      assert.match(await byTime(field), 'can only be of type TIMESTAMP, DATE or DATETIME');
    }
    assert.match(await attempt({ timePartitioning: {} }), 'Invalid value for timePartitioning.type');
    assert.match(await attempt({ timePartitioning: { type: 'DAY', colum: 'x' } }), 'Unknown name "colum"');
    assert.match(await attempt({ timePartitioning: { type: 'DAY' }, requirePartitionFilter: true }), 'not supported');

    const range = { start: '0', end: '100', interval: '10' };
    const byRange = (field: string, given: object = range) => attempt({ rangePartitioning: { field, range: given } });
    assert.is(await byRange('integer'), 'made');
    assert.match(await byRange('float'), 'can only be of type INTEGER. The type found is: FLOAT');
    assert.match(await byRange('integer', { ...range, interval: '0' }), 'a larger end and a positive interval');
    assert.match(await byRange('integer', { ...range, end: '0' }), 'a larger end and a positive interval');
    assert.match(await byRange('integer', { ...range, end: '1000000' }), 'Too many partitions');
    const both = { timePartitioning: { type: 'DAY' }, rangePartitioning: { field: 'integer', range } };
    assert.match(await attempt(both), 'Only one of timePartitioning and rangePartitioning');

    const clustered = (...names: string[]) => attempt({ clustering: { fields: names } });
    assert.is(await clustered('date', 'timestamp', 'integer', 'geography'), 'made');
    assert.is(await clustered('string', 'datetime'), 'made');
    for (const field of ['float', 'json', 'bytes', 'time', 'record']) {
      assert.match(await clustered(field), `Clustering is not supported for the field ${field}`);
    }
    assert.match(
      await clustered('missing'),
      'The field specified for clustering cannot be found in the schema: missing',
    );
    assert.match(await clustered('dates'), 'The field specified for clustering cannot be repeated: dates');
    assert.match(await clustered('string', 'string'), 'Clustering field string is specified twice');
    assert.match(
      await clustered('date', 'timestamp', 'integer', 'geography', 'string'),
      'Too many clustering fields: 5',
    );
    assert.match(await clustered(), 'Clustering fields must not be empty');
  });

  test('rows more than 1,825 days back or 366 days ahead are refused, by every kind of time column', async () => {
    for (const [type, unit, time, shown] of [
      ['DATE', 'DAY', '', (day: string) => day],
      ['TIMESTAMP', 'HOUR', 'T23:59:59Z', (day: string) => `${Date.parse(`${day}T23:59:59Z`)}000`],
      ['DATETIME', 'MONTH', 'T00:00:00', (day: string) => `${day}T00:00:00`],
      ['DATE', 'YEAR', '', (day: string) => day],
    ] as const) {
      dataset = await server.newDataset();
      const table = await createTable([{ name: 'at', type }], { timePartitioning: { type: unit, field: 'AT' } });
      const at = (days: number) => `${dayFromNow(days)}${time}`;
      const rows = [-1825, 0, 366, -1826, 367].map((days) => ({ json: { at: at(days) } }));
      const errors = await insertErrorsOf(
        table.insert([...rows, { json: { at: null } }], { ...RAW, skipInvalidRows: true }),
      );
      const problem = (index: number, day: string) => ({
        index,
        errors: [
          {
            reason: 'invalid',
            location: 'at',
            debugInfo: '',
            message: `Value ${shown(day)} for partition column at of the destination table my-project:${dataset.id}.t is outside the allowed bounds. You can only stream to partitions of date range within 1825 days in the past and 366 days in the future relative to the current date.`,
          },
        ],
      });
      assert.equal(errors, [problem(3, dayFromNow(-1826)), problem(4, dayFromNow(367))]);
      assert.is(await rowCount(), 4);
      now += 2 * DAY_MS;
      await table.insert([{ json: { at: at(367) } }], RAW);
      now = NOON;
    }
  });

  test('rows outside the ranges of an integer column are accepted', async () => {
    const range = { start: '0', end: '100', interval: '10' };
    const table = await createTable([{ name: 'n', type: 'INT64' }], { rangePartitioning: { field: 'n', range } });
    await table.insert([{ n: 5 }, { n: -1 }, { n: 1000 }, { n: null }]);
    assert.is(await rowCount(), 4);
  });

  test('a partition decorator fits the table, 31 days back and 16 ahead', async () => {
    const insertInto = async (id: string): Promise<string> => {
      try {
        await dataset.table(`t$${id}`).insert({ a: 'x' });
        return 'inserted';
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    };
    const refill = async (options: object, fields: object[] = [{ name: 'a', type: 'STRING' }]) => {
      dataset = await server.newDataset();
      await createTable(fields, options);
    };
    await refill({});
    assert.match(
      await insertInto(decorator(0)),
      `Cannot stream to my-project:${dataset.id}.t$20261128: the table is not partitioned`,
    );
    await refill({ timePartitioning: { type: 'DAY' } });
    for (const days of [0, -31, 16]) assert.is(await insertInto(decorator(days)), 'inserted', String(days));
    for (const days of [-32, 17]) {
      const bounds =
        'You can only stream to partitions within 31 days in the past and 16 days in the future relative to the current date.';
      assert.is(
        await insertInto(decorator(days)),
        `The destination table's partition t$${decorator(days)} is outside the allowed bounds. ${bounds}`,
      );
    }
    for (const id of ['202611', '2026112812', '20261131', '2026-11-28', '__NULL__', '']) {
      assert.match(await insertInto(id), `Invalid partition my-project:${dataset.id}.t$${id}`);
    }
    assert.is(await rowCount(), 3);
    assert.match((await apiFailure(dataset.table('t$20261128').getRows())).message, 'partition decorator');
    for (const [type, good, bad] of [
      ['HOUR', '2026112812', '20261128'],
      ['MONTH', '202611', '202610281'],
      ['YEAR', '2026', '202611'],
    ] as const) {
      await refill({ timePartitioning: { type } });
      assert.is(await insertInto(good), 'inserted');
      assert.match(await insertInto(bad), 'Invalid partition');
    }
    assert.match(await insertInto('2025'), 'outside the allowed bounds');
    await refill({ timePartitioning: { type: 'DAY', field: 'at' } }, [
      { name: 'a', type: 'STRING' },
      { name: 'at', type: 'DATE' },
    ]);
    assert.is(
      await insertInto('20261128'),
      `Streaming to metadata partition of column based partitioning table my-project:${dataset.id}.t$20261128 is disallowed.`,
    );
  });

  test('queries of _PARTITIONTIME are refused by name', async () => {
    await createTable([{ name: 'a', type: 'STRING' }], { timePartitioning: { type: 'DAY' } });
    for (const name of ['_PARTITIONTIME', '_partitiondate']) {
      const { message } = await apiFailure(
        server.bigquery.query(`SELECT a FROM ${dataset.id}.t WHERE ${name} IS NULL`),
      );
      assert.match(message, `${name.toUpperCase()} is not supported by the local sandbox`);
    }
  });

  test('an insert id is forgotten after a minute, and not before', async () => {
    const table = await createTable([{ name: 'n', type: 'INT64' }]);
    const insert = (n: number) => table.insert([{ insertId: 'same', json: { n } }], RAW);
    await insert(1);
    now += 59_999;
    await insert(2);
    assert.is(await rowCount(), 1);
    now += 1;
    await insert(3);
    assert.is(await rowCount(), 2);
    now += 59_999;
    await insert(4);
    assert.is(await rowCount(), 2);
    now += 10 * 60_000;
    await insert(5);
    assert.is(await rowCount(), 3);
  });

  test('creation times come from the clock', async () => {
    const table = await createTable([{ name: 'n', type: 'INT64' }]);
    assert.is((await table.getMetadata())[0].creationTime, String(NOON));
    assert.is((await dataset.getMetadata())[0].creationTime, String(NOON));
  });

  test('inserts refuse an added column until the delay has passed, which may change in the meantime', async () => {
    const id = { name: 'id', type: 'STRING' };
    const added = { name: 'added', type: 'STRING', mode: 'REPEATED' };
    const table = await createTable([id]);
    settings.schemaDelayMs = 30_000;
    await table.setMetadata({ schema: { fields: [id, added] } });
    assert.is((await table.getMetadata())[0].schema.fields.length, 2);
    const row = { id: 'a', added: ['x'] };
    const insert = (options = {}) => table.insert([{ json: row }], { ...RAW, ...options });
    const message = 'no such field: added.';
    const refused = [{ index: 0, errors: [{ reason: 'invalid', location: 'added', debugInfo: '', message }] }];
    assert.equal(await insertErrorsOf(insert()), refused);
    await insert({ ignoreUnknownValues: true });
    await table.insert([{ json: { id: 'b' } }], RAW);
    now += 29_999;
    assert.equal(await insertErrorsOf(insert()), refused);
    settings.schemaDelayMs = 10_000;
    await insert();
    settings.schemaDelayMs = 30_000;
    assert.equal(await insertErrorsOf(insert()), refused);
    now += 1;
    await insert();
    assert.equal((await table.getRows())[0], [{ id: 'a', added: [] }, { id: 'b', added: [] }, row, row]);
  });
});
