import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { tableSchema } from '../../connectors/bigquery/config.ts';
import { rowBy } from '../../connectors/bigquery/row-of.ts';
import { suite } from '../../testing/suite.ts';
import { parseExact } from '../../util/json/lossless-json.ts';
import { type InferredColumn, inferColumns } from './infer-columns.ts';

const columns = (sample: string, ...rest: [taken?: string[], leaveOut?: string[]]) =>
  inferColumns(parseExact(sample), ...rest);
/** `name TYPE` of each column, fields in parentheses. */
const shown = (found: readonly InferredColumn[]): string[] =>
  found.map(({ name, type, mode, from, fields }) =>
    [
      name,
      type,
      ...(fields === undefined ? [] : [`(${shown(fields).join(', ')})`]),
      ...(mode ? [mode] : []),
      ...(from ? [`from ${from}`] : []),
    ].join(' '),
  );
const of = (sample: string, ...rest: [taken?: string[], leaveOut?: string[]]) => shown(columns(sample, ...rest));

/** Parses columns as a pipeline's configuration is. */
function schemaOf(found: readonly InferredColumn[]) {
  const issues: ConfigIssue[] = [];
  const table = parse(tableSchema, { datasetId: 'd', tableId: 't', schema: JSON.parse(JSON.stringify(found)) }, issues);
  assert.equal(issues, []);
  return table?.schema ?? [];
}

const rowOf = (sample: string) =>
  rowBy(schemaOf(columns(sample)))({
    id: 'id',
    payload: Buffer.from(sample),
    publishTime: '2026-01-01T00:00:00Z',
    attributes: {},
    enrichmentData: {},
  });

suite('columns of a sample', ({ test }) => {
  test('have the type of each member', () => {
    const sample = `{"i":21,"f":21.0,"e":1e3,"b":true,"s":"on","t":"2026-11-29T10:00:00+01:00","day":"2026-11-29",
      "wide":9223372036854775807,"wider":9223372036854775808,"huge":${'9'.repeat(30)},"beyond":1e400,"none":null}`;
    assert.equal(of(sample), [
      ...['i INT64', 'f FLOAT64', 'e FLOAT64', 'b BOOL', 's STRING', 't TIMESTAMP', 'day STRING'],
      ...['wide INT64', 'wider NUMERIC', 'huge STRING', 'beyond STRING', 'none JSON'],
    ]);
  });

  test('nest as objects do, and repeat as lists do', () => {
    assert.equal(
      of('{"a":{"b":{"c":1}},"empty":{},"list":[1,2.5],"none":[],"lists":[[1]],"mixed":[1,"a"],"gaps":[1,null]}'),
      [
        'a RECORD (b RECORD (c INT64))',
        'empty JSON',
        'list FLOAT64 REPEATED',
        ...['none JSON', 'lists JSON', 'mixed JSON', 'gaps JSON'],
      ],
    );
    assert.equal(of('{"r":[{"x":1,"n":null},{"x":2.5,"y":"a","n":true}]}'), [
      'r RECORD (x FLOAT64, n BOOL, y STRING) REPEATED',
    ]);
    const deep = `${'{"a":'.repeat(20)}1${'}'.repeat(20)}`;
    schemaOf(columns(deep));
  });

  test('have names that BigQuery takes, each once', () => {
    assert.equal(of('{"temp °C":1,"temp_C":2,"TEMP_c":3,"1st":4,"":5,"_table_x":6,"a.b":{"$x":7},"$' + '{HOME}":8}'), [
      'temp_C INT64 from payload["temp °C"]',
      'temp_C_2 INT64 from payload["temp_C"]',
      'TEMP_c_3 INT64 from payload["TEMP_c"]',
      'f1st INT64 from payload["1st"]',
      'field INT64 from payload[""]',
      'f_table_x INT64 from payload["_table_x"]',
      'a_b RECORD (f_x INT64 from record["\\u0024x"]) from payload["a.b"]',
      'f_HOME_ INT64 from payload["\\u0024{HOME}"]',
    ]);
    assert.equal(of('{"topic":1,"Device_ID":2,"message_id":3,"x":4}', ['topic', 'device_id'], ['message_id']), [
      'payload_topic INT64 from payload["topic"]',
      'payload_Device_ID INT64 from payload["Device_ID"]',
      'x INT64',
    ]);
  });

  test('are one, for a payload that is not an object', () => {
    assert.equal(of('21.5'), ['value FLOAT64 from payload']);
    assert.equal(of('"on"'), ['value STRING from payload']);
    for (const sample of ['[1]', '[]', '{}', 'null']) assert.equal(of(sample), ['payload JSON from payload']);
  });

  test('take the values of the sample', () => {
    assert.equal(rowOf('{"a.b":{"c d":[{"x":1}]},"t":"2026-11-29T10:00:00Z","none":null,"list":[]}'), {
      a_b: { c_d: [{ x: 1 }] },
      t: '2026-11-29T10:00:00Z',
      list: '[]',
    });
    assert.equal(rowOf('21.5'), { value: 21.5 });
    assert.equal(rowOf('[1]'), { payload: '[1]' });
  });

  test('are valid, and take the sample, whatever it is', () => {
    const property = fc.property(fc.jsonValue(), (value) => {
      const sample = JSON.stringify(value);
      rowOf(sample);
    });
    fc.assert(property, { numRuns: 300 });
  });
});
