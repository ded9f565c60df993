import { type DuckDBValue, decimalValue, listValue, timestampTZValue } from '@duckdb/node-api';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import type { Field } from './schema.ts';
import { wireRow } from './wire-row.ts';

const cell = (type: Field['type'], value: DuckDBValue, int64Timestamps = true) =>
  wireRow([{ name: 'x', type, mode: 'NULLABLE' }], [value], { int64Timestamps }).f[0]?.v;

suite('wireRow', ({ test }) => {
  test('numbers', () => {
    const floats = [20, 0.5, -0, 1e7, 1.5e-7, 123456.75, Number.NaN, -Infinity];
    assert.equal(
      floats.map((value) => cell('FLOAT', value)),
      ['20.0', '0.5', '0.0', '1.0E7', '1.5E-7', '123456.75', 'NaN', '-Infinity'],
    );
    assert.is(cell('INTEGER', 20), '20');
    assert.is(cell('INTEGER', 2n ** 63n - 1n), '9223372036854775807');
    assert.equal(
      [1_500_000_000n, 10_000_000_000n, -1n, 0n].map((value) => cell('NUMERIC', decimalValue(value, 38, 9))),
      ['1.5', '10', '-0.000000001', '0'],
    );
    assert.is(cell('NUMERIC', decimalValue(100n, 10, 0)), '100');
  });

  test('timestamps as microseconds or as seconds', () => {
    const value = timestampTZValue(1_772_323_199_123_456n);
    assert.is(cell('TIMESTAMP', value), '1772323199123456');
    assert.is(cell('TIMESTAMP', value, false), '1.772323199123456E9');
  });

  test('a repeated column is never null', () => {
    const field: Field = { name: 'x', type: 'INTEGER', mode: 'REPEATED' };
    const format = { int64Timestamps: true };
    assert.equal(wireRow([field], [null], format), { f: [{ v: [] }] });
    assert.equal(wireRow([field], [listValue([1n])], format), { f: [{ v: [{ v: '1' }] }] });
  });
});
