import * as assert from 'uvu/assert';
import type { ConfigIssue } from '../../config/config-error.ts';
import { parse } from '../../config/parse.ts';
import { suite } from '../../testing/suite.ts';
import { tableSchema } from './config.ts';
import { tableOptions } from './table-options.ts';

const COLUMNS = [
  { name: 'x', type: 'STRING' },
  { name: 'd', type: 'DATE' },
  { name: 'at', type: 'TIMESTAMP' },
  { name: 'j', type: 'JSON' },
  { name: 'f', type: 'FLOAT64' },
  { name: 'many', type: 'TIMESTAMP', mode: 'REPEATED' },
];

/** Returns `path: problem` for each issue of a table. */
function problems(table: object): string[] {
  const issues: ConfigIssue[] = [];
  parse(tableSchema, { datasetId: 'd', tableId: 't', schema: COLUMNS, ...table }, issues);
  return issues.map(({ path, problem }) => `${path}: ${problem}`);
}
const nested = (...fields: object[]) => ({ schema: [{ name: 'r', type: 'RECORD', fields }] });

suite('the configuration of a table', ({ test }) => {
  test('accepts what BigQuery allows', () => {
    assert.equal(problems({ partitioning: { type: 'HOUR', field: 'AT' }, clustering: ['X', 'd'] }), []);
    assert.equal(problems({ partitioning: { type: 'DAY', field: 'd' } }), []);
    assert.equal(problems({ partitioning: { type: 'HOUR' } }), []);
    for (const name of [
      'first-name',
      'with space',
      'größe',
      '1st',
      "it's",
      'a:b',
      'x'.repeat(300),
      '東京',
      '_x',
      'a%',
    ]) {
      assert.equal(problems({ schema: [{ name, type: 'STRING' }] }), [], name);
    }
    for (const type of ['DECIMAL', 'BIGDECIMAL', 'INTEGER', 'BOOL']) {
      assert.equal(problems({ schema: [{ name: 'x', type }] }), [], type);
    }
    assert.equal(problems(nested({ name: 'a', type: 'STRUCT', fields: [{ name: 'r', type: 'STRING' }] })), []);
  });

  test('refuses names that BigQuery refuses, at every depth', () => {
    for (const name of ['a.b', 'a!b', '', 'x'.repeat(301), 'a\tb', 'a/b']) {
      assert.match(problems({ schema: [{ name, type: 'STRING' }] })[0] ?? '', /^schema\.0\.name: expected/, name);
      assert.match(problems(nested({ name, type: 'STRING' }))[0] ?? '', /^schema\.0\.fields\.0\.name: expected/, name);
    }
    for (const name of [
      '_PARTITIONTIME',
      '_table_x',
      '_FILE_NAME',
      '__ROOT__x',
      '_ROW_TIMESTAMP_x',
      '_COLIDENTIFIER_x',
    ]) {
      assert.match(problems({ schema: [{ name, type: 'STRING' }] })[0] ?? '', /^schema\.0\.name: "\S+" begins with/);
      assert.match(
        problems(nested({ name, type: 'STRING' }))[0] ?? '',
        /^schema\.0\.fields\.0\.name: "\S+" begins with/,
      );
    }
  });

  test('refuses two columns whose names differ only in case, at every depth', () => {
    const twice = [
      { name: 'Name', type: 'STRING' },
      { name: 'name', type: 'STRING' },
    ];
    assert.equal(problems({ schema: twice }), ['schema.1.name: "name" is already a column; case is ignored']);
    assert.match(problems(nested(...twice))[0] ?? '', /^schema\.0\.fields\.1\.name: "name" is already a column/);
  });

  test('requires fields for a RECORD, and refuses them elsewhere', () => {
    const record = (about: object) => ({ schema: [{ name: 'r', ...about }] });
    for (const each of [record({ type: 'RECORD' }), record({ type: 'STRUCT', fields: [] })]) {
      assert.match(problems(each)[0] ?? '', /^schema\.0\.fields: a (RECORD|STRUCT) needs fields/);
    }
    const onString = record({ type: 'STRING', fields: [{ name: 'a', type: 'STRING' }] });
    assert.match(problems(onString)[0] ?? '', /^schema\.0\.fields: only a RECORD has fields, and "r" is a STRING/);
    assert.match(
      problems(nested({ name: 'a', type: 'RECORD' }))[0] ?? '',
      /^schema\.0\.fields\.0\.fields: a RECORD needs/,
    );
  });

  test('refuses columns that a table cannot be partitioned or clustered by', () => {
    for (const [table, expected] of [
      [{ partitioning: { field: 'nope' } }, /^partitioning\.field: "nope" is not a column of table\.schema/],
      [{ partitioning: { field: 'x' } }, /^partitioning\.field: "x" is a STRING; expected .*TIMESTAMP/],
      [{ partitioning: { field: 'many' } }, /^partitioning\.field: "many" is REPEATED/],
      [{ partitioning: { type: 'HOUR', field: 'd' } }, /^partitioning\.type: .*HOUR.*"d" is a DATE/],
      [{ clustering: ['nope'] }, /^clustering\.0: "nope" is not a column/],
      [{ clustering: ['x', 'j'] }, /^clustering\.1: "j" is a JSON/],
      [{ clustering: ['f'] }, /^clustering\.0: "f" is a FLOAT64/],
      [{ clustering: ['many'] }, /^clustering\.0: "many" is REPEATED/],
      [{ clustering: ['x', 'X'] }, /^clustering\.1: "X" is named twice/],
      [{ clustering: [] }, /^clustering: expected at least 1/],
    ] as const) {
      const found = problems(table);
      assert.is(found.length, 1, JSON.stringify([table, found]));
      assert.match(found[0] ?? '', expected);
    }
  });

  test('reports all problems together', () => {
    assert.is(problems({ partitioning: { field: 'nope' }, clustering: ['j', 'nope'] }).length, 3);
  });

  test('sends BigQuery the type names of its API', () => {
    const issues: ConfigIssue[] = [];
    const table = parse(
      tableSchema,
      { datasetId: 'd', tableId: 't', schema: [{ name: 'x', type: 'DECIMAL' }] },
      issues,
    );
    assert.equal(table && tableOptions(table).schema.fields.map(({ type }) => type), ['NUMERIC']);
  });
});
