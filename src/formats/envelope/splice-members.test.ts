import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { withMembers } from '../../util/json/json-members.ts';
import { splicedMembers, writtenMembers } from './envelope-bytes.ts';

const names = fc.constantFrom('a', 'b', 'name', 'DeviceID', 'é', 'with "quotes"', 'back\\slash', '__proto__', 'a:', '');
const value = fc.oneof(fc.jsonValue(), fc.constantFrom('a', 'x, y', '}', ']', ':', '"a":1', '\\', 'é', 'name', '😀'));
const object = fc.array(fc.tuple(names, value), { maxLength: 5 }).map((entries) => Object.fromEntries(entries));

/** Surrounds the object with other bytes. */
function splice(json: string, set: Readonly<Record<string, unknown>>): string | undefined {
  const before = Buffer.from('{"é":"');
  const behind = ',"é":1}';
  const bytes = Buffer.concat([before, Buffer.from(json), Buffer.from(behind)]);
  const written = writtenMembers(set);
  assert.ok(written);
  const end = bytes.length - Buffer.byteLength(behind);
  const spliced = splicedMembers(bytes, before.length, end, written);
  if (spliced === undefined) return undefined;
  const text = Buffer.from(spliced, 'latin1').toString('utf8');
  assert.ok(text.endsWith(behind), text);
  return text.slice(0, -behind.length);
}

suite('members spliced into the bytes of a JSON object', ({ test }) => {
  test('give the same object as withMembers, or nothing', () => {
    let spliced = 0;
    fc.assert(
      fc.property(object, object, fc.constantFrom(undefined, 2), (there, set, indent) => {
        const json = JSON.stringify(there, undefined, indent);
        const result = splice(json, Object.freeze(set));
        if (result === undefined) {
          assert.ok(indent !== undefined || /\\/.test(json), `not spliced: ${json}`);
          return;
        }
        spliced += 1;
        assert.is(result, withMembers(json, set));
        assert.equal(JSON.parse(result), JSON.parse(JSON.stringify({ ...there, ...set })));
      }),
      { numRuns: 2_000 },
    );
    assert.ok(spliced > 500, `${spliced} were spliced`);
  });

  test('keep the other members as written, including whitespace in values', () => {
    assert.is(splice('{"a":1.0,"b":"\\u0026"}', { c: 2 }), '{"a":1.0,"b":"\\u0026","c":2}');
    assert.is(splice('{"a": [1.0, {"b": 1e3}],"b":1}', { b: 2 }), '{"a": [1.0, {"b": 1e3}],"b":2}');
    assert.is(splice('{"a":{"b":1.0},"b":"}"}', { b: {} }), '{"a":{"b":1.0},"b":{}}');
    assert.is(splice('{}', { c: [1], d: null }), '{"c":[1],"d":null}');
    assert.is(splice('{"a":1.0}', {}), '{"a":1.0}');
  });

  test('fit objects larger than any before', () => {
    const text = 'é'.repeat(10_000);
    assert.is(splice(`{"a":"${text}","b":1.0}`, { a: text, c: text }), `{"a":"${text}","b":1.0,"c":"${text}"}`);
  });

  test('reject names with escapes, repeated names and whitespace between members', () => {
    assert.is(splice('{"\\u0061":1}', { a: 2 }), undefined);
    assert.is(splice('{"a":1,"a":2}', { a: 3 }), undefined);
    assert.is(splice('{"a":1, "b":2}', { b: 3 }), undefined);
    assert.is(splice('{ "a":1}', { b: 3 }), undefined);
  });

  test('reject members that JSON omits, or too many members', () => {
    assert.is(writtenMembers({ a: undefined }), undefined);
    assert.is(
      writtenMembers(Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`m${index}`, 1]))),
      undefined,
    );
    assert.throws(() => writtenMembers({ a: 1n }), TypeError);
  });
});
