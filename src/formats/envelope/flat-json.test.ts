import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { isJsonObject } from '../../util/json/lossless-json.ts';
import { isFlatObject, textInFlatObject } from './envelope-bytes.ts';

const NAMES = ['a', 'b', 'ab', 'DeviceID', '__proto__', ''] as const;
const name = fc.constantFrom(...NAMES);
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, 0.1, 1e21),
);
const value = fc.oneof(fc.string(), number, fc.jsonValue(), fc.constantFrom('a":"b', 'é', '}', ',', ':', 'a'));
const object = fc.array(fc.tuple(name, value), { maxLength: 4 });
/** Takes a list of members, so that a name can occur twice. */
const textOf = (members: readonly (readonly [string, unknown])[]): string =>
  `{${members.map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(each)}`).join(',')}}`;

/** Surrounds the text with other bytes. */
function placed(text: string): { bytes: Buffer; start: number; end: number } {
  const before = Buffer.from('",{"');
  const json = Buffer.from(text);
  return {
    bytes: Buffer.concat([before, json, Buffer.from('"}')]),
    start: before.length,
    end: before.length + json.length,
  };
}

function isFlat(text: string): boolean {
  const { bytes, start, end } = placed(text);
  return isFlatObject(bytes, start, end);
}

function find(text: string, wanted: string): string | null | undefined {
  const { bytes, start, end } = placed(text);
  return textInFlatObject(bytes, start, end, Buffer.from(wanted));
}

suite('flat JSON objects', ({ test }) => {
  test('have the strings that parsing finds', () => {
    let flat = 0;
    fc.assert(
      fc.property(object, (members) => {
        const text = textOf(members);
        if (!isFlat(text)) return;
        flat += 1;
        const parsed = JSON.parse(text);
        for (const each of NAMES) {
          const there = Object.hasOwn(parsed, each) ? parsed[each] : null;
          const expected = typeof there === 'number' ? undefined : there;
          assert.is(find(text, each), expected, text);
        }
      }),
      { numRuns: 3_000 },
    );
    assert.ok(flat > 500, `${flat} were flat`);
  });

  test('are valid, whatever is removed from or added to the text', () => {
    const change = fc.record({
      members: fc.array(fc.tuple(name, fc.oneof(name, fc.integer({ min: -9, max: 99 }))), { maxLength: 3 }),
      at: fc.nat(30),
      remove: fc.nat(2),
      insert: fc.constantFrom('', '"', ',', ':', '{', '}', '-', '.', '0', '1', 'e', ' ', '\\', '\n', 'é', 'null'),
    });
    let flat = 0;
    fc.assert(
      fc.property(change, ({ members, at, remove, insert }) => {
        const whole = textOf(members);
        const text = `${whole.slice(0, at)}${insert}${whole.slice(at + remove)}`;
        if (!isFlat(text)) return;
        flat += 1;
        assert.ok(isJsonObject(JSON.parse(text)), text);
      }),
      { numRuns: 5_000 },
    );
    assert.ok(flat > 500, `${flat} were flat`);
  });

  test('have plain strings and plain numbers only', () => {
    for (const text of ['{}', '{"a":"b"}', '{"a":"","b":-1.50,"":0}', '{"a":123456789012345}'])
      assert.ok(isFlat(text), text);
    const others = [
      ...[
        '{ }',
        '{"a": 1}',
        '{"a":1,}',
        '{"a":[]}',
        '{"a":{}}',
        '{"a":true}',
        '{"a":"\\u0061"}',
        '{"é":1}',
        '{"a":"é"}',
      ],
      ...[
        '{"a":1e3}',
        '{"a":01}',
        '{"a":1.}',
        '{"a":-}',
        '{"a":.5}',
        '{"a":1234567890123456}',
        '{"a"}',
        '{',
        '[]',
        '"a"',
      ],
    ];
    for (const text of others) assert.not(isFlat(text), text);
  });

  test('use the last of several equal names', () => {
    assert.is(find('{"a":"x","ab":"y","a":"z"}', 'a'), 'z');
    assert.is(find('{"a":"x","a":1}', 'a'), undefined);
    assert.is(find('{"ab":"x"}', 'a'), null);
  });
});
