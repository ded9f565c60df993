import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { mayHaveWideInteger, mayPrintOtherwise } from './json-scan.ts';
import { JsonNumber, parseExact, parseLossless } from './lossless-json.ts';

const lossless = (text: string): unknown => parseLossless(Buffer.from(text), text);

/** Numbers in every form that JSON allows. */
const numberText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9]\d{0,30}$/)),
    fraction: fc.oneof(fc.constant(''), fc.stringMatching(/^\.\d{1,25}$/), fc.constantFrom('.0', '.50', '.0000001')),
    exponent: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, fc.stringMatching(/^[eE][+-]?\d{1,3}$/)),
  })
  .map(({ sign, whole, fraction, exponent }) => sign + whole + fraction + exponent);

const blanks = fc.constantFrom('', ' ', '\n', '\t  ');

suite('lossless JSON', ({ test }) => {
  test('integers that a double cannot hold keep their digits, when read and when written', () => {
    const text = '{"id":9007199254740993,"n":7,"list":[-12345678901234567890,0.1,3e-324],"s":"9007199254740993"}';
    const value = lossless(text);
    assert.is(JSON.stringify(value), text);
    const { id, n, s } = Object(value);
    assert.instance(id, JsonNumber);
    assert.is(`${id}`, '9007199254740993');
    assert.is(id - 1, 9007199254740991);
    assert.equal([n, s], [7, '9007199254740993']);
  });

  test('equals JSON.parse for every text without such a number', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        if (!/\d{16}/.test(text)) assert.is(JSON.stringify(lossless(text)), JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('refuses what JSON.parse refuses', () => {
    for (const text of ['', '{', '12345678901234567890x', '01234567890123456789']) assert.throws(() => lossless(text));
  });

  test('exactly: every number keeps its original digits', () => {
    for (const text of [
      '1.0',
      '-0',
      '1e400',
      '1E2',
      '0.0000001',
      '1e21',
      '[1.50,{"a":-0.0}]',
      '0.12345678901234567890',
    ]) {
      assert.is(JSON.stringify(parseExact(text)), text);
    }
    assert.is(parseExact('21.5'), 21.5);
    fc.assert(
      fc.property(numberText, blanks, blanks, (number, before, after) => {
        for (const text of [
          `${before}${number}${after}`,
          `{"a":${before}${number}${after}}`,
          `[1,${number}${after}, 2]`,
        ]) {
          assert.is(JSON.stringify(parseExact(text)), text.replace(/\s/g, ''));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('strings and plain numbers take the fast path', () => {
    const text = '{"at":"2026-11-23T10:00:00.000Z","id":"3e5f-1.0","n":[0,7,-21.5,1000,0.001],"f":false}';
    assert.is(mayPrintOtherwise(Buffer.from(text)), false);
  });
});

suite('wide integers', ({ test }) => {
  test('are found anywhere', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 40 }),
        fc.stringMatching(/^\d{16,40}$/),
        fc.nat(20),
        (before, digits, start) => {
          const bytes = Buffer.from(`${'x'.repeat(start)}${before}:${digits}${before}`);
          assert.is(mayHaveWideInteger(bytes, start), true);
        },
      ),
    );
  });

  test('are not found if there are none', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.stringMatching(/^[-a:," ]\d{1,15}$/), fc.constant('z0.12345678901234567890'))),
        (parts) => {
          assert.is(mayHaveWideInteger(Buffer.from(parts.map((part) => `${part},`).join(''))), false);
        },
      ),
    );
  });

  test('are found after a fraction of any length, in linear time', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.stringMatching(/^[^.\d]{1,20}$/), (digits, between) => {
        const text = `0.${'1'.repeat(digits + 1)}${between}${'7'.repeat(16)}`;
        assert.is(mayHaveWideInteger(Buffer.from(text)), true, text);
      }),
    );
    const started = performance.now();
    assert.is(mayHaveWideInteger(Buffer.from(`{"x":0.${'1'.repeat(2_000_000)}}`)), false);
    assert.ok(performance.now() - started < 2_000);
  });
});
