import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { withMembers } from './json-members.ts';

const names = fc.constantFrom('a', 'b', 'name', 'DeviceID', 'é', 'with "quotes"', 'back\\slash', '__proto__');
const object = fc
  .array(fc.tuple(names, fc.oneof(fc.jsonValue(), fc.constantFrom('a', 'x, y', '}', ':', 'name'))), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));

suite('members of a JSON text', ({ test }) => {
  test('set members replace or follow existing ones, whatever their names', () => {
    fc.assert(
      fc.property(object, object, fc.constantFrom(undefined, 2), (there, set, indent) => {
        const merged = { ...there, ...set };
        assert.equal(
          JSON.parse(withMembers(JSON.stringify(there, undefined, indent), set)),
          JSON.parse(JSON.stringify(merged)),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  test('other members stay as written', () => {
    assert.is(withMembers('{"a": 1.0, "b":"\\u0026"}', { c: 2 }), '{"a": 1.0,"b":"\\u0026","c":2}');
    assert.is(withMembers('{"a": 1.0, "b": "x"}', { c: 2 }), '{"a": 1.0,"b": "x","c":2}');
    assert.is(withMembers('{"a": "x, y","b":1}', { a: 2 }), '{"a":2,"b":1}');
    assert.is(withMembers('{"a":"x, y","b":1.0}', { a: 2 }), '{"a":2,"b":1.0}');
    assert.is(withMembers('{"a":"b","b":"a"}', { b: 'c' }), '{"a":"b","b":"c"}');
    assert.is(withMembers('{"a":1.0}', { a: undefined, c: undefined }), '{}');
    assert.is(withMembers('{}', { c: [1] }), '{"c":[1]}');
    assert.is(withMembers('{"a":1.0}', {}), '{"a":1.0}');
  });
});
