import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { suite } from '../../testing/suite.ts';
import { tableSchema } from './config.ts';
import { hasField, tableDifferences, tableResource } from './table-schema.ts';

const columnsOf = (schema: readonly object[]) => v.parse(tableSchema, { datasetId: 'd', tableId: 't', schema }).schema;
const differences = (schema: readonly object[], resource: object, hasHook = false) =>
  tableDifferences(columnsOf(schema), v.parse(tableResource, resource), hasHook).map(
    ({ path, problem }) => `${path} ${problem}`,
  );

suite('differences between configuration and table', ({ test }) => {
  test('include views and tables without columns, which accept no rows', () => {
    const schema = [{ name: 'x', type: 'STRING' }];
    assert.match(differences(schema, { type: 'VIEW', schema: { fields: schema } })[0] ?? '', /is a VIEW/);
    assert.match(differences(schema, { type: 'TABLE' })[0] ?? '', /no columns/);
  });

  test('exclude aliases of the same type', () => {
    const pairs = [
      ['INT64', 'INTEGER'],
      ['FLOAT64', 'FLOAT'],
      ['BOOL', 'BOOLEAN'],
    ];
    for (const [one, other] of pairs) {
      assert.equal(differences([{ name: 'x', type: one }], { schema: { fields: [{ name: 'X', type: other }] } }), []);
      assert.equal(differences([{ name: 'x', type: other }], { schema: { fields: [{ name: 'x', type: one }] } }), []);
    }
  });

  test('paths lead through lists and records, in any case', () => {
    const fields = [{ name: 'Position', fields: [{ name: 'lat' }] }];
    assert.ok(hasField(fields, 'position[3].LAT'));
    assert.not(hasField(fields, 'position[3].LAT', { isExact: true }));
    assert.ok(hasField(fields, 'Position[3].lat', { isExact: true }));
    assert.not(hasField(fields, 'position.lon'));
    assert.not(hasField(fields, 'lat'));
  });
});
