import type { Dataset, Table } from '@google-cloud/bigquery';
import * as assert from 'uvu/assert';
import { apiFailure, isRecord } from '../../testing/api-failure.ts';
import { insertErrorsOf, RAW, startTestBigQuery, type TestBigQuery } from '../../testing/bigquery-client.ts';
import { suite } from '../../testing/suite.ts';
import { Faults } from '../faults/faults.ts';

const NEW_TYPES = [
  { name: 'big', type: 'BIGNUMERIC' },
  { name: 'bigs', type: 'BIGDECIMAL', mode: 'REPEATED' },
  { name: 'place', type: 'GEOGRAPHY' },
  { name: 'datetime', type: 'DATETIME' },
  { name: 'time', type: 'TIME' },
  {
    name: 'record',
    type: 'RECORD',
    fields: [
      { name: 'big', type: 'BIGNUMERIC' },
      { name: 'time', type: 'TIME' },
    ],
  },
];
const MAX_BIGNUMERIC = '578960446186580977117854925043439539266.34992332820282019728792003956564819967';

suite('values that insertAll accepts and refuses', ({ test, before, after, beforeEach }) => {
  const faults = new Faults();
  let server: TestBigQuery;
  let dataset: Dataset;

  /** Creates the table `t` with a single column `x`. */
  const column = async (type: string, mode = 'NULLABLE'): Promise<Table> => {
    const fields = [{ name: 'x', type, mode }];
    return (await dataset.createTable('t', { schema: fields }))[0];
  };
  /** Inserts values given as JSON texts, keeping their digits; returns the service's answer. */
  const insert = async (values: readonly string[], options = '') => {
    const rows = values.map((value) => `{"json":{"x":${value}}}`);
    const body = `{"skipInvalidRows":true,${options}"rows":[${rows}]}`;
    return (await server.post(`/datasets/${dataset.id}/tables/t/insertAll`, body)).body;
  };
  /** Returns why each value is refused; accepted values are named. */
  const refusals = async (values: readonly string[]): Promise<string[]> => {
    const { insertErrors } = await insert(values);
    const messages = values.map((value) => `accepted: ${value}`);
    for (const { index, errors } of Array.isArray(insertErrors) ? insertErrors : [])
      messages[index] = errors[0].message;
    return messages;
  };
  /** Returns the column's value in the API's format. */
  const stored = async (): Promise<unknown[]> => {
    const { rows } = (await server.get(`/datasets/${dataset.id}/tables/t/data?formatOptions.useInt64Timestamp=true`))
      .body;
    return Array.isArray(rows) ? rows.map(({ f }) => f[0].v) : [];
  };
  const queried = async (query: string): Promise<unknown[]> =>
    (await server.bigquery.query({ query, defaultDataset: { datasetId: dataset.id ?? '' } }))[0];

  before(async () => {
    server = await startTestBigQuery({ faults });
  });
  after(() => server.close());
  beforeEach(async () => {
    dataset = await server.newDataset();
  });

  test('NUMERIC has 29 digits before the point and 9 after it, as the request has them', async () => {
    await column('NUMERIC');
    const good = [
      '"99999999999999999999999999999.999999999"',
      '-99999999999999999999999999999.999999999',
      '12345678901234567890.123456789',
      '"1.5000000000000"',
      '1e28',
      '0.1',
      '"-1.5E-8"',
      '0',
    ];
    assert.equal(await insert(good), { kind: 'bigquery#tableDataInsertAllResponse' });
    assert.equal(await stored(), [
      '99999999999999999999999999999.999999999',
      '-99999999999999999999999999999.999999999',
      '12345678901234567890.123456789',
      '1.5',
      '10000000000000000000000000000',
      '0.1',
      '-0.000000015',
      '0',
    ]);
  });

  test('a NUMERIC of more digits is refused, not rounded', async () => {
    await column('DECIMAL');
    const bad = {
      '100000000000000000000000000000': '100000000000000000000000000000',
      '1e29': '1e+29',
      '0.1234567891': '0.1234567891',
      '0.30000000000000001': '0.30000000000000001',
      '1.00000000000000000001': '1.00000000000000000001',
      '1.5e-10': '1.5e-10',
      '1e-400': '1e-400',
      '1e400': '1e400',
      '"1.0000000001"': '1.0000000001',
      '"1e29"': '1e29',
      '"NaN"': 'NaN',
      '""': '',
      '"1 000"': '1 000',
      // The service reads a JSON number as a double, and writes it with 17 digits.
      '1255139.628052805': '1255139.6280528051',
    };
    assert.equal(
      await refusals(Object.keys(bad)),
      Object.values(bad).map((text) => `Invalid NUMERIC value: ${text}`),
    );
    assert.equal(await stored(), []);
    assert.equal(await insert(['"1255139.628052805"']), { kind: 'bigquery#tableDataInsertAllResponse' });
  });

  test('INT64 keeps the digits of a JSON number', async () => {
    await column('INT64');
    await insert([
      '9223372036854775807',
      '-9223372036854775808',
      '9007199254740993',
      '"9007199254740993"',
      '5.0',
      '1e18',
    ]);
    const all = ['9223372036854775807', '-9223372036854775808', '9007199254740993', '9007199254740993', '5'];
    assert.equal(await stored(), [...all, '1000000000000000000']);
    const bad = ['18446744073709551616', '9223372036854775808', '1e19', '9007199254740993.5', '1.5', '"5.0"', 'true'];
    const messages = await refusals(bad);
    assert.ok(messages.every((message) => message.startsWith('Cannot convert value to integer (bad value): ')));
    assert.is(messages[0], 'Cannot convert value to integer (bad value): 18446744073709551616');
    assert.equal(await queried('SELECT COUNT(*) AS n FROM t WHERE x = 9223372036854775807'), [{ n: 1 }]);
  });

  test('FLOAT64 may be NaN or infinite as text, and is returned so', async () => {
    const table = await column('FLOAT64');
    await insert([
      '"NaN"',
      '"Infinity"',
      '"-Infinity"',
      '"-inf"',
      '"nan"',
      '"+inf"',
      '1e308',
      '"1.5e3"',
      '0.1',
      '-0.0',
    ]);
    const texts = ['NaN', 'Infinity', '-Infinity', '-Infinity', 'NaN', 'Infinity', '1e+308', '1500.0', '0.1'];
    assert.equal((await stored()).slice(0, -1), texts);
    assert.equal(
      (await table.getRows())[0].map(({ x }) => x),
      texts.map(Number).concat([-0]),
    );
    assert.equal(
      (await queried('SELECT x FROM t')).map((row) => isRecord(row) && row.x),
      texts.map(Number).concat([-0]),
    );
    for (const value of ['1e400', '-1e400', '"1e400"', '"infinite"', '""', '"0x10"', 'true']) {
      const [message = ''] = await refusals([value]);
      assert.is(message, `Cannot convert value to floating point (bad value): ${value.replaceAll('"', '')}`);
    }
  });

  test('TIMESTAMP accepts texts with dashes or slashes and seconds, from year 1 to 9999 in UTC', async () => {
    await column('TIMESTAMP');
    const good: [string, string][] = [
      ['"2009/01/03 12:34"', '1230986040000000'],
      ['"2009/01/03T12:34:56.5+01:00"', '1230982496500000'],
      ['"1.690825888E9"', '1690825888000000'],
      ['1690825888.123456', '1690825888123456'],
      ['"2009-01-03T12:34:56.123456789Z"', '1230986096123456'],
      ['"0001-01-01T00:00:00Z"', '-62135596800000000'],
      ['"9999-12-31T23:59:59.999999Z"', '253402300799999999'],
    ];
    await insert(good.map(([given]) => given));
    assert.equal(
      await stored(),
      good.map(([, micros]) => micros),
    );
    const outOfRange = ['"9999-12-31T23:59:59-01:00"', '"0001-01-01T00:00:00+01:00"', '1571872447237', '-62135596801'];
    for (const message of await refusals(outOfRange)) assert.match(message, 'Timestamp field value is out of range:');
    const unparsed = [
      '"2009-01-03T12:34:56.1234567891Z"',
      '"2009/01-03 12:34"',
      '"2009-1-3 12:34"',
      '"2009-01-03"',
      '"10000-01-01 00:00"',
      '"2009-02-30 00:00"',
      '"2009-01-03 12:34 Europe/Zurich"',
      'true',
    ];
    for (const message of await refusals(unparsed)) assert.match(message, 'as a timestamp. Required format is');
  });

  test('BIGNUMERIC, GEOGRAPHY, DATETIME and TIME are returned by the table and by a query', async () => {
    const [table] = await dataset.createTable('t', { schema: NEW_TYPES });
    const row = {
      big: MAX_BIGNUMERIC,
      bigs: ['-0.00000000000000000000000000000000000001', '7', '1e38'],
      place: 'point( 8.5   47.25 )',
      datetime: '2026-02-28 23:59:59.5',
      time: '23:59:59.123456',
      record: { big: '-1.25', time: '00:00:00' },
    };
    await table.insert([row, {}]);
    const [listed] = await table.getRows();
    assert.equal(await queried('SELECT * FROM t ORDER BY big DESC'), listed);
    const [full, empty] = listed;
    assert.is(full.big.toFixed(), MAX_BIGNUMERIC);
    assert.equal(
      full.bigs.map((big: { toFixed(): string }) => big.toFixed()),
      ['-0.00000000000000000000000000000000000001', '7', '100000000000000000000000000000000000000'],
    );
    assert.is(full.place.value, 'POINT(8.5 47.25)');
    assert.is(full.datetime.value, '2026-02-28T23:59:59.500000');
    assert.is(full.time.value, '23:59:59.123456');
    assert.is(full.record.time.value, '00:00:00');
    assert.equal(Object.values(empty), [null, [], null, null, null, null]);
    const { schema } = (await table.getMetadata())[0];
    assert.equal(
      schema.fields.map(({ type }: { type: string }) => type),
      ['BIGNUMERIC', 'BIGNUMERIC', 'GEOGRAPHY', 'DATETIME', 'TIME', 'RECORD'],
    );
    assert.equal(await queried("SELECT COUNT(*) AS n FROM t WHERE datetime > DATETIME '2026-02-28 12:00:00'"), [
      { n: 1 },
    ]);
    assert.equal(await queried("SELECT COUNT(*) AS n FROM t WHERE time < TIME '23:59:59.2'"), [{ n: 1 }]);
  });

  test('a BIGNUMERIC is compared as a number; a query that computes with one is refused', async () => {
    await column('BIGNUMERIC');
    await insert(['"9"', '"10"', '"-9"', '"-10.5"', '0.30000000000000001', '"9.0"', 'null']);
    const sorted = await queried('SELECT x FROM t ORDER BY x');
    assert.equal(
      sorted.map((row) => (isRecord(row) ? `${row.x}` : '')),
      ['null', '-10.5', '-9', '0.30000000000000001', '9', '9', '10'],
    );
    assert.equal(await queried('SELECT COUNT(DISTINCT x) AS n FROM t'), [{ n: 5 }]);
    for (const bad of [
      'x + 1',
      'SUM(x)',
      'x > 1',
      'CAST(x AS STRING)',
      'CAST(x AS FLOAT64)',
      'CAST("1" AS BIGNUMERIC)',
    ]) {
      assert.is((await apiFailure(queried(`SELECT ${bad} AS y FROM t`))).code, 400, bad);
    }
    const limits = [`"${MAX_BIGNUMERIC}"`.replace('7"', '8"'), '"-1e39"', `"0.${'0'.repeat(38)}1"`, '"x"'];
    for (const message of await refusals(limits)) assert.match(message, 'Invalid BIGNUMERIC value: ');
  });

  test('a GEOGRAPHY is WKT or a GeoJSON geometry, and is returned as WKT', async () => {
    await column('GEOGRAPHY');
    const good: [string, string][] = [
      ['LINESTRING(1 1, 2 1, 3.10 -3)', 'LINESTRING(1 1, 2 1, 3.1 -3)'],
      [
        'POLYGON((0 0, 2 2, 2 0, 0 0), (0.5 0.5, 1 1, 1 0.5, 0.5 0.5))',
        'POLYGON((0 0, 2 2, 2 0, 0 0), (0.5 0.5, 1 1, 1 0.5, 0.5 0.5))',
      ],
      ['MULTIPOINT((1 1), (2 2))', 'MULTIPOINT(1 1, 2 2)'],
      ['GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2, 3 4))', 'GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2, 3 4))'],
      ['POINT EMPTY', 'GEOMETRYCOLLECTION EMPTY'],
      ['{"type": "Point", "coordinates": [8.5, 47]}', 'POINT(8.5 47)'],
      ['{"type":"MultiPolygon","coordinates":[[[[0,0],[2,2],[2,0],[0,0]]]]}', 'MULTIPOLYGON(((0 0, 2 2, 2 0, 0 0)))'],
      [
        '{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}',
        'GEOMETRYCOLLECTION(POINT(1 2))',
      ],
    ];
    await insert(good.map(([given]) => JSON.stringify(given)));
    assert.equal(
      await stored(),
      good.map(([, wkt]) => wkt),
    );
    const bad = [
      '',
      'x',
      'POINT(1)',
      'POINT(1 2 3)',
      'POINT(1 91)',
      'POINT(1 2',
      'CIRCLE(1 2)',
      'LINESTRING(1 2)',
      '{}',
      '[1,2]',
    ];
    const geoJson = [
      '{"type":"Point"}',
      '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]}}',
      '{"type":"Point","coordinates":["1","2"]}',
    ];
    for (const text of [...bad, ...geoJson]) {
      assert.equal(await refusals([JSON.stringify(text)]), [`Invalid geography value: ${text}`]);
    }
    assert.equal(await refusals(['{"type":"Point","coordinates":[1,2]}']), ['This field: x is not a record.']);
  });

  test('DATETIME has no time zone, TIME no date, and neither more than microseconds', async () => {
    await column('DATETIME');
    await insert(['"2026-01-02T03:04:05"', '"2026-01-02 03:04"', '"2026-01-02"', '"0001-01-01T00:00:00.000001"']);
    const texts = ['2026-01-02T03:04:05', '2026-01-02T03:04:00', '2026-01-02T00:00:00', '0001-01-01T00:00:00.000001'];
    assert.equal(await stored(), texts);
    for (const text of [
      '2026-01-02T03:04:05Z',
      '2026-01-02T03:04:05.1234567',
      '2026-02-30',
      '2026-01-02T24:00:00',
      'x',
    ]) {
      assert.equal(await refusals([`"${text}"`]), [`Invalid datetime string "${text}"`]);
    }
    dataset = await server.newDataset();
    await column('TIME');
    await insert(['"03:04:05.5"', '"23:59"']);
    assert.equal(await stored(), ['03:04:05.500000', '23:59:00']);
    for (const text of ['24:00:00', '03:04:05Z', '2026-01-02', '3', '03:04:05.1234567']) {
      assert.equal(await refusals([`"${text}"`]), [`Invalid time string "${text}"`]);
    }
  });

  test('JSON is kept as a value: no white space, of equal keys the first, integers of 64 bits exactly', async () => {
    await column('JSON');
    const good: [string, string][] = [
      [' { "b" : [ 1 , true , null , "x y" ] , "a" : { } } ', '{"b":[1,true,null,"x y"],"a":{}}'],
      ['{"a":1,"a":{"b":2,"b":3}}', '{"a":1}'],
      ['{"n":18446744073709551615,"m":-9223372036854775808}', '{"n":18446744073709551615,"m":-9223372036854775808}'],
      [
        '[9007199254740993, 0.1, 1.50, 1E3, 0.30000000000000004]',
        '[9007199254740993,0.1,1.5,1000,0.30000000000000004]',
      ],
      ['"\\u00e4 \\/"', '"ä /"'],
      ['null', 'null'],
    ];
    await insert(good.map(([given]) => JSON.stringify(given)));
    assert.equal(
      await stored(),
      good.map(([, kept]) => kept),
    );
    for (const text of ['18446744073709551616', '[0.1234567890123456789]', '1e400', '{a:1}', '', '[1,]', 'x']) {
      assert.equal(await refusals([JSON.stringify(text)]), [`Cannot convert value to JSON (bad value): ${text}`]);
    }
    assert.equal(await refusals(['{"a":1}', '[1]']), [
      'This field: x is not a record.',
      'Array specified for non-repeated field: x.',
    ]);
  });

  test('REPEATED columns contain no NULL; an absent one is empty', async () => {
    await column('INT64', 'REPEATED');
    await insert(['[]', 'null', '[1,"2"]', '[9007199254740993]']);
    assert.equal(await stored(), [[], [], [{ v: '1' }, { v: '2' }], [{ v: '9007199254740993' }]]);
    assert.equal(await refusals(['[1,null]', '5', '[[1]]', '{"a":1}']), [
      'Only optional fields can be set to NULL. Field: x; Value: NULL',
      'Repeated field must be imported as a JSON array.',
      'Array specified for non-repeated field: x.',
      'Repeated field must be imported as a JSON array.',
    ]);
  });

  test('BOOL is true or false in any case, as text too; DATE goes from year 1 to 9999', async () => {
    await column('BOOL');
    await insert(['true', '"FALSE"', '"True"']);
    assert.equal(await stored(), ['true', 'false', 'true']);
    const bad = ['1', '0', '"1"', '"t"', '"yes"', '""'];
    for (const message of await refusals(bad)) assert.match(message, 'Cannot convert value to boolean (bad value)');
    dataset = await server.newDataset();
    await column('DATE');
    await insert(['"0001-01-01"', '"9999-12-31"']);
    assert.equal(await stored(), ['0001-01-01', '9999-12-31']);
    const dates = ['"0000-12-31"', '"10000-01-01"', '"2026/01/02"', '"2026-01-02T00:00:00Z"', '20260102', '"2026-2-3"'];
    for (const message of await refusals(dates)) assert.match(message, 'Cannot convert value to date (bad value)');
  });

  test('columns may have the names of members that every JavaScript object has', async () => {
    const fields = ['constructor', '__proto__', 'toString'].map((name) => ({ name, type: 'STRING' }));
    await dataset.createTable('t', { schema: fields });
    const path = `/datasets/${dataset.id}/tables/t/insertAll`;
    await server.post(path, '{"rows":[{"json":{}},{"json":{"__proto__":"p","constructor":"c"}}]}');
    const { rows } = (await server.get(`/datasets/${dataset.id}/tables/t/data`)).body;
    const cells = (...values: (string | null)[]) => ({ f: values.map((v) => ({ v })) });
    assert.equal(rows, [cells(null, null, null), cells('c', 'p', null)]);
  });

  test('a record is an object, and every problem has the path of its field', async () => {
    const inner = { name: 'list', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'n', type: 'INT64' }] };
    const [table] = await dataset.createTable('t', { schema: [{ name: 'r', type: 'RECORD', fields: [inner] }] });
    const records = [
      5,
      'x',
      [],
      { list: [{ n: 1 }, 7] },
      { list: [{ n: 1 }, { n: 'x' }] },
      { list: [null] },
      { more: 1 },
    ];
    const rows = records.map((r) => ({ json: { r } }));
    const errors = await insertErrorsOf(table.insert(rows, { ...RAW, skipInvalidRows: true }));
    assert.ok(Array.isArray(errors));
    assert.equal(
      errors.map((each) => `${each.errors[0].location}: ${each.errors[0].message}`),
      [
        'r: A record must be a JSON object.',
        'r: A record must be a JSON object.',
        'r: Array specified for non-repeated field: r.',
        'r.list[1]: A record must be a JSON object.',
        'r.list[1].n: Cannot convert value to integer (bad value): x',
        'r.list[0]: Only optional fields can be set to NULL. Field: list; Value: NULL',
        'r.more: no such field: more.',
      ],
    );
    const wide = await server.post(
      `/datasets/${dataset.id}/tables/t/insertAll`,
      '{"rows":[{"json":{"r":12345678901234567890}}]}',
    );
    assert.match(JSON.stringify(wide.body.insertErrors), 'A record must be a JSON object.');
  });

  test('rows that an injected fault leaves keep their digits', async () => {
    await column('INT64');
    const given = Array.from({ length: 20 }, (_, n) => String(9_007_199_254_740_993n + 2n * BigInt(n)));
    const rowErrors = { reason: 'backendError', probability: 0.5 };
    const fault = faults.add({ server: 'bigquery', method: 'tabledata.insertAll', seed: 7, rowErrors });
    await insert(given);
    fault.remove();
    const kept = await stored();
    assert.ok(kept.length > 0 && kept.length < given.length);
    assert.ok(kept.every((digits) => given.includes(String(digits))));
  });

  test('a request of insertAll is read strictly', async () => {
    const table = await column('STRING');
    const long = 'i'.repeat(129);
    const errors = [
      { reason: 'invalid', location: '', debugInfo: '', message: 'The insertId has more than 128 characters.' },
    ];
    const rows = [
      { insertId: long, json: { x: 'a' } },
      { insertId: long.slice(1), json: { x: 'b' } },
    ];
    assert.equal(await insertErrorsOf(table.insert(rows, { ...RAW, skipInvalidRows: true })), [{ index: 0, errors }]);
    assert.equal(await stored(), ['b']);
    const path = `/datasets/${dataset.id}/tables/t/insertAll`;
    for (const [body, message] of [
      ['{"rows":[{"insertId":5,"json":{}}]}', "Invalid value at 'rows[0].insert_id' (TYPE_STRING), 5"],
      [
        '{"rows":[{"json":{},"x":1}]}',
        'Invalid JSON payload received. Unknown name "x" at \'rows[0]\': Cannot find field.',
      ],
      [
        '{"rows":[{"json":{}}],"skipInvalid":true}',
        'Invalid JSON payload received. Unknown name "skipInvalid": Cannot find field.',
      ],
      ['{"rows":[{"json":{}}],"skipInvalidRows":"yes"}', "Invalid value at 'skip_invalid_rows' (TYPE_BOOL)"],
    ] as const) {
      const { status, error } = await server.post(path, body);
      assert.equal([status, error.message], [400, message]);
    }
  });
});
