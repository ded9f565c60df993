import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { mayHaveWideFractions, parseLossless, WideNumber } from './lossless-json.ts';

const numberText = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 0n, max: 10n ** 24n }),
    fc.option(fc.stringMatching(/^\d{1,20}$/), { nil: undefined }),
    fc.option(fc.integer({ min: -420, max: 420 }), { nil: undefined }),
  )
  .map(([sign, whole, fraction, exponent]) =>
    [sign, whole, fraction === undefined ? '' : `.${fraction}`, exponent === undefined ? '' : `e${exponent}`].join(''),
  );

/** Returns a number's digits and their position, equal for all notations of one number. */
function normalized(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  const place = Number(exponent) - fraction.length + digits.length - significant.length;
  return significant === '' ? '0' : `${mantissa.startsWith('-') ? '-' : ''}${significant}e${place}`;
}

suite('JSON without loss', ({ test }) => {
  test('no number loses a digit', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        const [parsed] = [parseLossless(`{"a":[${text}]}`)].flatMap((json) => Object.values(Object(json)).flat());
        assert.is(normalized(String(parsed)), normalized(text));
      }),
    );
  });

  test('a number of 15 digits or less stays a number', () => {
    assert.equal(parseLossless('[1, -0.5, 123456789012345, 1e22, 0.000000000000000000001, "1234567890123456"]'), [
      ...[1, -0.5, 123456789012345, 1e22, 1e-21],
      '1234567890123456',
    ]);
    const wide = parseLossless('[1234567890123456, 1e400, 1e-400, 3e-324, 1.000000000000000000]');
    assert.ok(Array.isArray(wide) && wide.every((each) => each instanceof WideNumber));
  });

  test('a text whose numbers lose digits as doubles is never read as a plain one', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        const parsed = parseLossless(text);
        assert.ok(typeof parsed === 'number' || mayHaveWideFractions(text), text);
      }),
    );
    assert.is(mayHaveWideFractions('{"at":"2026-02-28T23:59:59.123456Z","n":0.123456789,"m":[1,2,3e22]}'), false);
  });
});
