import * as assert from 'uvu/assert';
import { canonicalJson } from '../sandbox/bigquery/json-value.ts';
import { suite } from '../testing/suite.ts';
import { payloadJson } from './payload-json.ts';

const of = (payload: string | readonly number[]) => {
  const { format, json } = payloadJson(typeof payload === 'string' ? Buffer.from(payload) : Uint8Array.from(payload));
  return [format, json];
};

suite('a payload as a JSON value', ({ test }) => {
  test('is the payload itself where it is JSON, with its digits', () => {
    for (const text of [
      '{"value":21.5}',
      '21.50',
      '"on"',
      'null',
      '[1,{"a":[]}]',
      '{"id":9007199254740993}',
      '18446744073709551615',
      '1e3',
      '-0.0',
      '{"smile":"\\ud83d\\ude00"}',
    ]) {
      assert.equal(of(text), ['json', text]);
      assert.ok(canonicalJson(text), `a JSON column takes ${text}`);
    }
  });

  test('is a JSON string where it is any other text', () => {
    for (const text of ['on', '', ' ', '{"value":', '21,5', 'NaN', 'é\n"quoted"\u0000']) {
      assert.equal(of(text), ['text', JSON.stringify(text)]);
    }
  });

  test('is a JSON string where a JSON column would refuse it', () => {
    for (const text of ['18446744073709551616', '{"x":0.12345678901234567890}', '1e400', '{"half":"\\ud83d"}']) {
      assert.equal(of(text), ['text', JSON.stringify(text)]);
    }
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    assert.is(of(nested(500))[0], 'json');
    assert.is(of(nested(501))[0], 'text');
    assert.is(of(nested(100_000))[0], 'text');
  });

  test('is base64 where it is not UTF-8', () => {
    assert.equal(of([0xff, 0x00, 0x80]), ['base64', '"/wCA"']);
  });

  test('leaves out a byte order mark', () => {
    assert.equal(of([0xef, 0xbb, 0xbf, 0x31]), ['json', '1']);
  });
});
