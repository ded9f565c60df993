import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { RowProblem, readRow, wireRow } from './row-codec.ts';
import { type Field, parseFields } from './schema.ts';

const columns = (type: string, mode = 'NULLABLE'): Field[] => parseFields([{ name: 'x', type, mode }]);

const PLAIN = { ignoreUnknown: false, isLossless: true };

/** Writes a value and reads it back. */
const carried = (type: string, value: unknown, mode?: string): unknown => {
  const fields = columns(type, mode);
  return wireRow(fields, readRow(fields, { x: value }, PLAIN), true).f[0]?.v;
};

const problem = (type: string, value: unknown, mode?: string): string => {
  try {
    return `accepted: ${carried(type, value, mode)}`;
  } catch (error) {
    if (error instanceof RowProblem) return `${error.location}: ${error.message}`;
    throw error;
  }
};

suite('rows of BigQuery', ({ test }) => {
  test('timestamps, in microseconds', () => {
    for (const text of [
      '2026-02-28T23:59:59.123456Z',
      '2026-02-28 23:59:59.123456',
      '2026-02-28 23:59:59.123456 UTC',
      '2026-02-28T23:59:59.123456789Z',
      '2026-03-01T01:29:59.123456+01:30',
      '2026-02-28 15:59:59.123456-08',
      1772323199.123456,
    ]) {
      assert.is(carried('TIMESTAMP', text), '1772323199123456', String(text));
    }
    assert.is(carried('TIMESTAMP', '1969-12-31T23:59:59.9Z'), '-100000');
    assert.is(carried('TIMESTAMP', '0001-01-01 00:00:00'), '-62135596800000000');
    const seconds = wireRow(columns('TIMESTAMP'), readRow(columns('TIMESTAMP'), { x: 1.5 }, PLAIN), false);
    assert.equal(seconds, { f: [{ v: '1.5' }] });
  });

  test('values that are not a timestamp or a date', () => {
    for (const text of ['', 'x', '2026-02-30T00:00:00Z', '2026-01-01', '2026-01-01T24:00:00Z', '0000-01-01 00:00:00']) {
      assert.ok(problem('TIMESTAMP', text).startsWith(`x: Could not parse '${text}' as a timestamp.`), text);
    }
    assert.match(problem('TIMESTAMP', '2026-01-01T00:00:00.1234567891Z'), 'Could not parse');
    assert.is(problem('TIMESTAMP', 1e15), 'x: Timestamp field value is out of range:1000000000000000000000');
    assert.is(carried('DATE', '2024-02-29'), '2024-02-29');
    assert.match(problem('DATE', '2023-02-29'), 'Cannot convert value to date');
  });

  test('numbers', () => {
    assert.is(carried('INT64', '9223372036854775807'), '9223372036854775807');
    assert.is(carried('INT64', -5), '-5');
    for (const bad of ['9223372036854775808', 1.5, '', 'x', true]) {
      assert.is(problem('INT64', bad), `x: Cannot convert value to integer (bad value): ${bad}`);
    }
    assert.equal(
      [20, 0.5, '1e3', '-7.25'].map((value) => carried('FLOAT64', value)),
      ['20.0', '0.5', '1000.0', '-7.25'],
    );
    assert.equal(
      ['1.50', 10, '-0.000000001', 0.1].map((value) => carried('NUMERIC', value)),
      ['1.5', '10', '-0.000000001', '0.1'],
    );
    assert.is(problem('NUMERIC', '0.0000000001'), 'x: Invalid NUMERIC value: 0.0000000001');
  });

  test('booleans, bytes, JSON, strings', () => {
    assert.equal(
      [true, 'FALSE'].map((value) => carried('BOOL', value)),
      ['true', 'false'],
    );
    assert.match(problem('BOOL', 1), 'Cannot convert value to boolean (bad value): 1');
    assert.is(carried('BYTES', 'AAH_'), 'AAH/');
    assert.match(problem('BYTES', 'A'), 'Could not decode base64');
    assert.is(carried('JSON', '{"a": 1}'), '{"a":1}');
    assert.match(problem('JSON', '{a}'), 'Cannot convert value to JSON');
    assert.is(carried('STRING', 5), '5');
  });

  test('a repeated column is never null', () => {
    assert.equal(carried('INT64', null, 'REPEATED'), []);
    assert.equal(carried('INT64', [1, '2'], 'REPEATED'), [{ v: '1' }, { v: '2' }]);
    assert.is(problem('INT64', 1, 'REPEATED'), 'x: Repeated field must be imported as a JSON array.');
    assert.match(problem('INT64', [1, null], 'REPEATED'), /^x\[1\]: /);
    assert.match(problem('INT64', undefined, 'REQUIRED'), ': Missing required field: Msg_0_CLOUD_QUERY_TABLE.x.');
  });
});
