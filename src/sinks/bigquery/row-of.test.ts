import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { PoisonError } from '../../core/errors.ts';
import { suite } from '../../testing/suite.ts';
import { type TestFields, testMessage } from '../../testing/test-desk.ts';
import { tableSchema } from './config.ts';
import { rowBy } from './row-of.ts';

/** A row by columns as a pipeline writes them. */
function row(columns: readonly Record<string, unknown>[], fields: TestFields) {
  const table = v.parse(tableSchema, { datasetId: 'd', tableId: 't', schema: columns });
  return rowBy(table.schema)(testMessage(fields));
}

const PAYLOAD = JSON.stringify({ n: 7, zero: 0, no: false, none: null, deep: { a: [1, 2] }, text: 'x' });

suite('rowBy', ({ test }) => {
  test('takes each column from the payload by its name, or from where it says', () => {
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

  test('values go as they are; what is missing or null is left out', () => {
    const columns = ['n', 'zero', 'no', 'none', 'missing', 'deep'].map((name) => ({ name, type: 'STRING' }));
    assert.equal(row(columns, { payload: PAYLOAD }), { n: 7, zero: 0, no: false, deep: { a: [1, 2] } });
  });

  test('a JSON column takes its value as text, a repeated one each of its values', () => {
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

  test('a BYTES column takes the whole payload in base64, JSON or not, and only its own bytes', () => {
    const payload = Buffer.from([1, 2, 0, 255, 3]).subarray(1, 4);
    assert.equal(row([{ name: 'raw', type: 'BYTES', from: 'payload' }], { payload }), {
      raw: Buffer.from([2, 0, 255]).toString('base64'),
    });
  });

  test('a payload that is no JSON object is poison, if a column reads inside of it', () => {
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

  test('leaves out of a time what is finer than a microsecond, which BigQuery would refuse', () => {
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
});
