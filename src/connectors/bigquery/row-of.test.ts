import fc from 'fast-check';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { PoisonError } from '../../core/errors.ts';
import { suite } from '../../testing/suite.ts';
import { type TestFields, testMessage } from '../../testing/test-context.ts';
import { tableSchema } from './config.ts';
import { rowBy } from './row-of.ts';

/** Builds a row from columns as written in a pipeline file. */
function row(columns: readonly Record<string, unknown>[], fields: TestFields) {
  const table = v.parse(tableSchema, { datasetId: 'd', tableId: 't', schema: columns });
  return rowBy(table.schema)(testMessage(fields));
}

const PAYLOAD = JSON.stringify({ n: 7, zero: 0, no: false, none: null, deep: { a: [1, 2] }, text: 'x' });

suite('rowBy', ({ test }) => {
  test('reads each column from the payload by name, or from its configured path', () => {
    assert.equal(
      row(
        [
          { name: 'n', type: 'INT64' },
          { name: 'second', type: 'INT64', from: 'payload.deep.a.1' },
          { name: 'id', type: 'STRING', from: 'metadata.id' },
          { name: 'at', type: 'TIMESTAMP', from: 'metadata.publishTime' },
          { name: 'uid', type: 'STRING', from: 'attributes.uid' },
          { name: 'device', type: 'STRING', from: 'enrichmentData.DeviceID' },
        ],
        { payload: PAYLOAD, attributes: { uid: 'u1' }, enrichmentData: { DeviceID: 'd1' } },
      ),
      { n: 7, second: 2, id: 'm1', at: '2026-11-23T10:00:00Z', uid: 'u1', device: 'd1' },
    );
  });

  test('passes values through, objects as JSON, and omits missing and null values', () => {
    const columns = ['n', 'zero', 'no', 'none', 'missing', 'deep'].map((name) => ({ name, type: 'STRING' }));
    assert.equal(row(columns, { payload: PAYLOAD }), { n: 7, zero: 0, no: false, deep: '{"a":[1,2]}' });
  });

  test('writes JSON columns as text, and each value of a repeated one', () => {
    assert.equal(
      row(
        [
          { name: 'deep', type: 'JSON' },
          { name: 'text', type: 'JSON' },
          { name: 'list', type: 'JSON', mode: 'REPEATED', from: 'payload.deep.a' },
          { name: 'all', type: 'JSON', from: 'payload' },
        ],
        { payload: PAYLOAD },
      ),
      { deep: '{"a":[1,2]}', text: '"x"', list: ['1', '2'], all: PAYLOAD },
    );
  });

  test('writes the whole payload to a BYTES column in base64, JSON or not, and only its own bytes', () => {
    const payload = Buffer.from([1, 2, 0, 255, 3]).subarray(1, 4);
    assert.equal(row([{ name: 'raw', type: 'BYTES', from: 'payload' }], { payload }), {
      raw: Buffer.from([2, 0, 255]).toString('base64'),
    });
  });

  test('treats a payload other than a JSON object as poison if a column reads inside it', () => {
    for (const payload of ['', 'text', '7', 'null', '"x"', '{']) {
      for (const column of [
        { name: 'n', type: 'INT64' },
        { name: 'm', type: 'INT64', from: 'payload.n' },
      ]) {
        assert.throws(
          () => row([column], { payload }),
          (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'undecodable',
        );
      }
      assert.equal(row([{ name: 'id', type: 'STRING', from: 'metadata.id' }], { payload }), { id: 'm1' });
    }
  });

  test('truncates times to microseconds, because BigQuery refuses finer ones', () => {
    const row = rowBy([
      { name: 'at', type: 'TIMESTAMP', mode: 'NULLABLE', from: 'metadata.publishTime' },
      { name: 'text', type: 'STRING', mode: 'NULLABLE', from: 'metadata.publishTime' },
      { name: 'times', type: 'TIMESTAMP', mode: 'REPEATED' },
    ])({
      id: 'a',
      payload: Buffer.from('{"times":["2026-03-04T05:06:07.1234567+02:00","2026-03-04T05:06:07Z"]}'),
      publishTime: '2026-03-04T05:06:07.123456789Z',
      attributes: {},
      enrichmentData: {},
    });
    assert.equal(row, {
      at: '2026-03-04T05:06:07.123456Z',
      text: '2026-03-04T05:06:07.123456789Z',
      times: ['2026-03-04T05:06:07.123456+02:00', '2026-03-04T05:06:07Z'],
    });
  });

  test('truncates times in strings, but nothing else with seven digits after a dot', () => {
    for (const [came, goes] of [
      ['1.690825888E9', '1.690825888E9'],
      ['1690825888.386', '1690825888.386'],
      ['2009-01-03 12:34:56.123456789 UTC', '2009-01-03 12:34:56.123456 UTC'],
      ['2009-01-03T12:34:56.123456789012+01:00', '2009-01-03T12:34:56.123456+01:00'],
      ['2009/01/03 12:34', '2009/01/03 12:34'],
      ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
      ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
    ] as const) {
      assert.equal(row([{ name: 'at', type: 'TIMESTAMP' }], { payload: JSON.stringify({ at: came }) }), { at: goes });
    }
    for (const at of ['9999-12-31T23:59:59-01:00', '0001-01-01T00:00:00+01:00', '0000-01-01T00:00:00Z']) {
      refused('rejected', [{ name: 'at', type: 'TIMESTAMP' }], JSON.stringify({ at }));
    }
  });
});

/** Asserts that a message is poison. */
function refused(reason: string, columns: readonly Record<string, unknown>[], payload: string | Buffer): void {
  assert.throws(
    () => row(columns, { payload }),
    (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === reason,
  );
}

/** Returns the row of a single column `x` as the JSON text sent to BigQuery. */
function written(column: Record<string, unknown>, payload: string): string {
  return JSON.stringify(row([{ name: 'x', ...column }], { payload }));
}

suite('the numbers of a row', ({ test }) => {
  test('reach BigQuery with all their digits, or not at all', () => {
    for (const [type, number, goes] of [
      ['INT64', '9007199254740993', '"9007199254740993"'],
      ['INT64', '-9223372036854775807', '"-9223372036854775807"'],
      ['INT64', '9007199254740992', '"9007199254740992"'],
      ['INT64', '9007199254740991', '9007199254740991'],
      ['NUMERIC', '123456789012345678', '"123456789012345678"'],
      ['NUMERIC', '1255139.628052805', '"1255139.628052805"'],
      ['NUMERIC', '123456789012.123456789', '"123456789012.123456789"'],
      ['NUMERIC', '21.5', '21.5'],
      ['DECIMAL', '123456789012345678', '"123456789012345678"'],
      ['BIGDECIMAL', '123456789012345678', '"123456789012345678"'],
      ['BIGNUMERIC', '0.12345678901234567890123456789012345678', '"0.12345678901234567890123456789012345678"'],
      ['STRING', '80190227874362572812', '"80190227874362572812"'],
      ['STRING', '1.0', '"1.0"'],
      ['STRING', '7', '7'],
      ['JSON', '9223110580161593071', '"9223110580161593071"'],
      ['JSON', '{"chip":9223110580161593071,"t":21.50}', '"{\\"chip\\":9223110580161593071,\\"t\\":21.50}"'],
      ['FLOAT64', '9007199254740993', '9007199254740993'],
      ['FLOAT64', '21.5', '21.5'],
    ] as const) {
      assert.is(written({ type }, `{"x":${number}}`), `{"x":${goes}}`, `${type} ${number}`);
      const fields = [{ name: 'y', type }];
      const inside = written({ type: 'RECORD', fields }, `{"x":{"y":${number}}}`);
      assert.is(inside, `{"x":{"y":${goes}}}`, `${type} ${number} in a record`);
    }
  });

  test('are poison if a double cannot hold them, at every depth', () => {
    refused('rejected', [{ name: 'x', type: 'INT64' }], '{"x":1e400}');
    for (const payload of ['{"x":1e400}', '{"x":-1e400}'])
      refused('rejected', [{ name: 'x', type: 'FLOAT64' }], payload);
    const record = { name: 'x', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'y', type: 'FLOAT64' }] };
    refused('rejected', [record], '{"x":[{"y":1},{"y":1e400}]}');
  });

  test('arrive unchanged if they are 64-bit integers', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number) => {
        for (const type of ['INT64', 'NUMERIC', 'STRING']) {
          assert.is(written({ type }, `{"x":${number}}`).replaceAll('"', ''), `{x:${number}}`);
        }
      }),
    );
  });
});

suite('the text of a row', ({ test }) => {
  test('is never invented: a payload that is not UTF-8 is poison if columns read it', () => {
    const payload = Buffer.from('{"x":"B\u00fcro"}', 'latin1');
    refused('undecodable', [{ name: 'x', type: 'STRING' }], payload);
    refused('undecodable', [{ name: 'x', type: 'STRING', from: 'payload' }], payload);
    refused('undecodable', [{ name: 'x', type: 'JSON', from: 'payload' }], payload);
    assert.equal(row([{ name: 'x', type: 'BYTES', from: 'payload' }], { payload }), { x: payload.toString('base64') });
  });

  test('of the whole payload is unchanged, JSON or not, without a byte order mark', () => {
    for (const text of ['free text', '{"a": 1.0 }', '']) {
      assert.equal(row([{ name: 'x', type: 'STRING', from: 'payload' }], { payload: `\ufeff${text}` }), { x: text });
    }
    assert.is(written({ type: 'INT64' }, '\ufeff{"x":1}'), '{"x":1}');
  });

  test('must be an object if columns read members: lists, strings and numbers are poison', () => {
    for (const payload of ['[{"x":"x"}]', '"x"', '7', '12345678901234567890', '{"x":1}\0']) {
      refused('undecodable', [{ name: 'x', type: 'STRING' }], payload);
    }
    assert.is(written({ type: 'INT64', from: 'payload.1' }, '[6,7]'), '{"x":7}');
    refused('undecodable', [{ name: 'x', type: 'JSON', from: 'payload' }], 'free text');
  });

  test('of an object in a STRING is its JSON', () => {
    assert.is(written({ type: 'STRING' }, '{"x":{"a":[1.0]}}'), '{"x":"{\\"a\\":[1.0]}"}');
  });

  test('is found under names with dots', () => {
    assert.is(written({ type: 'INT64', from: 'payload["a.b"]' }, '{"a.b":1}'), '{"x":1}');
  });
});

suite('records', ({ test }) => {
  const fields = [
    { name: 'meta', type: 'JSON' },
    { name: 'at', type: 'TIMESTAMP' },
    { name: 'fw', type: 'STRING', from: 'record["fw-version"]' },
    { name: 'id', type: 'STRING', from: 'metadata.id' },
  ];
  const member = '{"meta":{"a":1},"at":"2026-03-04T05:06:07.123456789Z","fw-version":"1","unknown":2}';
  const made = { meta: '{"a":1}', at: '2026-03-04T05:06:07.123456Z', fw: '1', id: 'm1' };

  test('are converted like the row, at every depth, without unknown members', () => {
    assert.equal(row([{ name: 'r', type: 'RECORD', fields }], { payload: `{"r":${member}}` }), { r: made });
    const list = { name: 'list', type: 'STRUCT', mode: 'REPEATED', fields };
    assert.equal(row([list], { payload: `{"list":[${member},{}]}` }), { list: [made, { id: 'm1' }] });
    const deep = { name: 'deep', type: 'RECORD', fields: [{ name: 'r', type: 'RECORD', fields }, list] };
    assert.equal(row([deep], { payload: `{"deep":{"r":${member},"list":[${member}],"x":1}}` }), {
      deep: { r: made, list: [made] },
    });
  });

  test('may take their fields from elsewhere in the message', () => {
    const column = {
      name: 'place',
      type: 'RECORD',
      fields: [
        { name: 'site', type: 'STRING', from: 'attributes.site' },
        { name: 'hall', type: 'STRING', from: 'enrichmentData.hall' },
      ],
    };
    assert.equal(row([column], { payload: 'x', attributes: { site: 'north' } }), { place: { site: 'north' } });
    assert.equal(row([column], { payload: 'x' }), {});
  });

  test('pass other values through, and BigQuery refuses them', () => {
    assert.equal(
      row([{ name: 'r', type: 'RECORD', fields: [{ name: 'meta', type: 'JSON' }] }], { payload: '{"r":"text"}' }),
      {
        r: 'text',
      },
    );
  });

  test('may have members with any name', () => {
    const column = { name: 'r', type: 'RECORD', fields: [{ name: '__proto__', type: 'STRING' }] };
    assert.is(JSON.stringify(row([column], { payload: '{"r":{"__proto__":"x"}}' })), '{"r":{"__proto__":"x"}}');
  });
});

suite('settings of a column', ({ test }) => {
  test('unit: numbers of a TIMESTAMP count seconds, milliseconds, microseconds or nanoseconds', () => {
    for (const [unit, value, goes] of [
      ['s', '1764345600', '2025-11-28T16:00:00.000Z'],
      ['s', '1764345600.123456', '2025-11-28T16:00:00.123456Z'],
      ['ms', '1764345600123', '2025-11-28T16:00:00.123Z'],
      ['ms', '"1764345600123"', '2025-11-28T16:00:00.123Z'],
      ['us', '1764345600123456', '2025-11-28T16:00:00.123456Z'],
      ['ns', '1764345600123456789', '2025-11-28T16:00:00.123456Z'],
      ['ns', '-1', '1969-12-31T23:59:59.999999Z'],
      ['ms', '1.764e12', '2025-11-24T16:00:00.000Z'],
      ['ms', '"2025-11-28T16:00:00.123456789Z"', '2025-11-28T16:00:00.123456Z'],
      ['s', '-62135596800', '0001-01-01T00:00:00.000Z'],
    ] as const) {
      assert.is(written({ type: 'TIMESTAMP', unit }, `{"x":${value}}`), `{"x":"${goes}"}`, `${value} ${unit}`);
    }
    for (const value of ['253402300800', '-62135596801', '1e999999999']) {
      refused('rejected', [{ name: 'x', type: 'TIMESTAMP', unit: 's' }], `{"x":${value}}`);
    }
    assert.is(written({ type: 'TIMESTAMP' }, '{"x":1764345600}'), '{"x":1764345600}');
  });

  test('parse: reads the JSON in a string', () => {
    const text = JSON.stringify('{"n":9007199254740993,"list":[1,2]}');
    assert.is(written({ type: 'JSON', parse: 'json' }, `{"x":${text}}`), `{"x":${text}}`);
    assert.is(written({ type: 'JSON' }, '{"x":"{}"}'), '{"x":"\\"{}\\""}');
    const fields = [{ name: 'n', type: 'INT64' }];
    assert.is(written({ type: 'RECORD', parse: 'json', fields }, `{"x":${text}}`), '{"x":{"n":"9007199254740993"}}');
    assert.is(written({ type: 'INT64', mode: 'REPEATED', parse: 'json' }, '{"x":"[1,2]"}'), '{"x":[1,2]}');
    assert.is(written({ type: 'JSON', mode: 'REPEATED', parse: 'json' }, '{"x":["{}","1.0"]}'), '{"x":["{}","1.0"]}');
    assert.is(written({ type: 'JSON', parse: 'json' }, '{"x":{"a":1}}'), '{"x":"{\\"a\\":1}"}');
    refused('rejected', [{ name: 'x', type: 'JSON', parse: 'json' }], '{"x":"{broken"}');
  });

  test('onError: turns a value that does not fit into NULL, or else dead-letters the message', () => {
    const values: Readonly<Record<string, readonly [fits: readonly string[], not: readonly string[]]>> = {
      INT64: [
        ['7', '"7"', '9223372036854775807'],
        ['"seven"', '7.5', '9223372036854775808', '{}', '[1]', 'true'],
      ],
      FLOAT64: [
        ['7.5', '"NaN"', '"1e3"'],
        ['1e400', '"high"', '{}'],
      ],
      NUMERIC: [
        ['7.5', '"7.5"'],
        ['"x"', 'true'],
      ],
      BOOL: [
        ['true', '"false"'],
        ['1', '"yes"'],
      ],
      STRING: [['"x"', '7'], ['true']],
      TIMESTAMP: [
        ['"2026-03-04T05:06:07Z"', '1', '"2026/03/04 05:06"'],
        ['"yesterday"', '"2026-02-30T00:00:00Z"', '{}'],
      ],
      DATE: [['"2026-03-04"'], ['"2026-02-30"', '7']],
      DATETIME: [['"2026-03-04 05:06:07"'], ['"2026-03-04T05:06:07Z"']],
      TIME: [['"05:06:07.5"'], ['"25:00:00"']],
      BYTES: [['"aGVsbG8="'], ['"no base64!"']],
    };
    for (const [type, [fit, not]] of Object.entries(values)) {
      for (const value of fit)
        assert.is.not(written({ type, onError: 'null' }, `{"x":${value}}`), '{}', `${type} ${value}`);
      for (const value of not)
        assert.is(written({ type, onError: 'null' }, `{"x":${value}}`), '{}', `${type} ${value}`);
    }
    const time = { type: 'TIMESTAMP', unit: 's' };
    assert.is(written({ ...time, onError: null }, '{"x":1e12}'), '{}');
    refused('rejected', [{ name: 'x', ...time, onError: 'reject' }], '{"x":1e12}');
    assert.is(written({ type: 'JSON', parse: 'json', onError: 'null' }, '{"x":"{broken"}'), '{}');
    assert.is(written({ type: 'INT64', mode: 'REPEATED', onError: 'null' }, '{"x":[1,"a",3]}'), '{"x":[1,3]}');
    assert.is(written({ type: 'INT64', mode: 'REPEATED', onError: 'null' }, '{"x":7}'), '{}');
  });

  test('onError: takes linear time for the longest possible text', () => {
    const started = performance.now();
    for (const type of ['INT64', 'FLOAT64', 'NUMERIC', 'TIMESTAMP', 'DATE', 'DATETIME', 'TIME', 'BYTES']) {
      for (const [before, unit] of [
        ['', '1'],
        ['0.', '1'],
        ['2026-03-04T05:06:07.', '1'],
        ['2026-03-04T05:06:07 A/', '_'],
        ['', '='],
      ] as const) {
        const text = `${before}${unit.repeat(1_000_000)}!`;
        const isLeftOut = written({ type, onError: 'null' }, JSON.stringify({ x: text })) === '{}';
        assert.ok(isLeftOut, `${type} ${before}${unit}`);
      }
    }
    assert.ok(performance.now() - started < 5_000);
  });

  test("onError: applies a record's setting to its fields, and a field's own to that field alone", () => {
    const record = (of: object) => ({
      type: 'RECORD',
      fields: [
        { name: 'n', type: 'INT64', ...of },
        { name: 's', type: 'STRING' },
      ],
    });
    const payload = '{"x":{"n":"seven","s":"a"}}';
    assert.is(written({ ...record({}), onError: 'null' }, payload), '{}');
    assert.is(written(record({ onError: 'null' }), payload), '{"x":{"s":"a"}}');
    assert.is(written({ ...record({}), onError: 'null' }, '{"x":"text"}'), '{}');
  });

  test('are refused with a description of the problem', () => {
    const problem = (column: Record<string, unknown>): string => {
      const issues: ConfigIssue[] = [];
      parse(tableSchema, { datasetId: 'd', tableId: 't', schema: [{ name: 'x', ...column }] }, issues);
      return issues.map((issue) => `${issue.path}: ${issue.problem}`).join('\n');
    };
    assert.match(problem({ type: 'INT64', unit: 'ms' }), 'schema.0: unit is for columns of the type TIMESTAMP');
    assert.match(problem({ type: 'INT64', mode: 'REQUIRED', onError: null }), 'cannot be NULL');
    assert.match(problem({ type: 'INT64', onError: 'ignore' }), 'schema.0.onError: expected');
    assert.match(problem({ type: 'INT64', from: 'payload.a[0]' }), 'write .0 for an element');
    assert.match(problem({ type: 'INT64', from: 'record.a' }), 'begins with payload');
    const inside = (from: string) => problem({ type: 'RECORD', fields: [{ name: 'y', type: 'INT64', from }] });
    assert.match(inside('other.a'), 'schema.0.fields.0.from: expected a path');
    assert.match(inside('record'), 'record.<name>');
    assert.is(inside('record["a.b"]'), '');
    assert.is(inside('payload.a'), '');
  });
});
