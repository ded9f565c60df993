import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { enriched, openEnvelope } from '../formats/envelope/envelope.ts';
import { suite } from '../testing/suite.ts';
import { testMessage } from '../testing/test-context.ts';
import { JsonNumber } from '../util/json/lossless-json.ts';
import {
  compilePath,
  exactPath,
  keyPath,
  keyText,
  MessageView,
  PATH_ROOTS,
  pathProblem,
  validPath,
} from './message-path.ts';

const VIEW = new MessageView(
  testMessage({
    id: 'm7',
    payload: JSON.stringify({ sensor: { value: 21.5, 'odd key': 1 }, readings: [10, 20], nothing: null, no: false }),
    attributes: { uid: 'd1', 'a.b': 'dotted' },
    enrichmentData: { DeviceID: 'd1', place: { name: 'hall' } },
  }),
);

const read = (path: string): unknown => validPath(path)(VIEW);

suite('message path', ({ test }) => {
  test('leads into the payload, the enrichment data, the attributes and the metadata', () => {
    assert.is(read('payload.sensor.value'), 21.5);
    assert.is(read('payload.sensor.odd key'), 1);
    assert.is(read('payload.readings.1'), 20);
    assert.is(read('payload.nothing'), null);
    assert.is(read('payload.no'), false);
    assert.is(read('enrichmentData.DeviceID'), 'd1');
    assert.is(read('enrichment.place.name'), 'hall');
    assert.is(read('attributes.uid'), 'd1');
    assert.is(read('attributes.a.b'), 'dotted');
    assert.is(read('metadata.id'), 'm7');
    assert.is(read('metadata.publishTime'), '2026-11-23T10:00:00Z');
  });

  test('a root alone selects all of it', () => {
    assert.is(read('payload'), VIEW.payload);
    assert.is(read('enrichmentData'), VIEW.message.enrichmentData);
    assert.is(read('attributes'), VIEW.message.attributes);
  });

  test('is undefined if it does not exist', () => {
    for (const path of [
      'payload.missing',
      'payload.sensor.value.deeper',
      'payload.readings.2',
      'payload.nothing.deeper',
      'enrichmentData.missing.deeper',
      'attributes.missing',
      'attributes.uid.length',
    ]) {
      assert.is(read(path), undefined, path);
    }
  });

  test('reads own properties only', () => {
    for (const path of [
      'payload.__proto__',
      'payload.constructor',
      'payload.toString',
      'payload.sensor.hasOwnProperty',
      'enrichmentData.__proto__',
      'attributes.constructor',
      'attributes.__proto__',
    ]) {
      assert.is(read(path), undefined, path);
    }
    const view = new MessageView(testMessage({ payload: '{"__proto__":{"x":1}}' }));
    assert.is(validPath('payload.__proto__.x')(view), 1);
    assert.is(validPath('payload.x')(view), undefined);
  });

  test('is refused when it does not begin with a root, or has an empty part', () => {
    for (const path of [
      '',
      '.',
      'data',
      'Payload.a',
      'payloads.a',
      'payload.',
      'payload..a',
      '.payload',
      'metadata',
      'metadata.',
      'metadata.other',
      'metadata.id.x',
      'attributes.',
      '__proto__.x',
    ]) {
      assert.is(compilePath(path), undefined, path);
      assert.throws(() => validPath(path), path === '' ? '"" is no path' : path);
    }
    for (const root of PATH_ROOTS) assert.ok(compilePath(root === 'metadata' ? 'metadata.id' : root), root);
  });

  test('is undefined in a payload that is not JSON, which is parsed once', () => {
    const view = new MessageView(testMessage({ payload: '{broken' }));
    assert.is(validPath('payload')(view), undefined);
    assert.is(validPath('payload.a')(view), undefined);
    assert.is(VIEW.payload, VIEW.payload, 'one object for every path');
  });

  test('reads a payload within a larger buffer', () => {
    const payload = Buffer.from('xx{"a":1}xx').subarray(2, 9);
    assert.is(validPath('payload.a')(new MessageView(testMessage({ payload }))), 1);
  });

  test('reads names with dots and brackets in quotes', () => {
    const payload = '{"a.b":{"c[0]":1,"":2,"q\\"":3},"a":{"b":4}}';
    const view = new MessageView(testMessage({ payload, attributes: { 'x[y]': '5', 'a.b': '6' } }));
    for (const [path, value] of [
      ['payload["a.b"]["c[0]"]', 1],
      ['payload["a.b"][""]', 2],
      ['payload["a.b"]["q\\""]', 3],
      ['payload.a.b', 4],
      ['payload["a"].b', 4],
      ['attributes["x[y]"]', '5'],
      ['attributes["a.b"]', '6'],
    ] as const) {
      assert.is(validPath(path)(view), value, path);
    }
  });

  test('describes the problem of an invalid path', () => {
    for (const [path, problem] of [
      ['data.a', 'begins with payload, enrichmentData, attributes or metadata'],
      ['payload.a[0].b', 'write .0'],
      ['payload[a.b]', 'quote a name'],
      ['payload["a.b"', 'quote a name'],
      ['payload["\\x"]', 'quote a name'],
      ['payload["a"]b', 'quote a name'],
      ['payload..a', 'a name is missing'],
      ['payload.', 'a name is missing'],
      ['metadata.other', 'metadata.id or metadata.publishTime'],
    ] as const) {
      assert.match(pathProblem(path) ?? 'no problem', problem, path);
      assert.is(compilePath(path), undefined);
    }
    assert.is(pathProblem('payload["a.b"].c'), undefined);
  });

  test('skips a byte order mark; is undefined in a payload that is not UTF-8', () => {
    const of = (payload: Buffer) => new MessageView(testMessage({ payload }));
    assert.is(validPath('payload.a')(of(Buffer.from('\ufeff{"a":1}'))), 1);
    assert.is(validPath('payload.a')(of(Buffer.from('{"a":"B\u00fcro"}', 'latin1'))), undefined);
    assert.is(validPath('payload.a')(of(Buffer.from('{"a":"\ufffd"}'))), '\ufffd', 'it may stand there itself');
    assert.is(of(Buffer.from('{"a":"B\u00fcro"}', 'latin1')).payloadText, undefined);
  });

  test('finds every value of any JSON by its names', () => {
    const part = fc.oneof(
      fc.string({ minLength: 1 }).filter((name) => !/[.[\]]/.test(name)),
      fc.constant('__proto__'),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), fc.jsonValue(), (parts, value) => {
        const text = parts.reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, JSON.stringify(value));
        const found = validPath(`payload.${parts.join('.')}`)(new MessageView(testMessage({ payload: text })));
        assert.is(JSON.stringify(found), JSON.stringify(value));
      }),
    );
  });
});

suite('key path', ({ test }) => {
  const keyOf = (path: string, payload: string) => keyPath(path)(new MessageView(testMessage({ payload })));

  test("keeps a number's digits as in the payload", () => {
    for (const digits of [
      '9007199254740993',
      '12345678901234567890',
      '1.0',
      '1e3',
      '-0',
      '1e400',
      '0.10',
      '7',
      '-2.5',
    ]) {
      assert.is(keyOf('payload.id', `{"x":1,"id":${digits}}`), digits);
      assert.is(keyOf('payload', digits), digits);
      assert.is(keyOf('payload.list.1', `{"list":["a",${digits}]}`), digits);
    }
  });

  test('keeps ids beyond 2^53 distinct', () => {
    const ids = Array.from({ length: 10 }, (_, index) => String(1_764_345_600_000_000_000n + BigInt(index)));
    assert.equal(
      ids.map((id) => keyOf('payload.message_id', `{"message_id":${id}}`)),
      ids,
    );
  });

  test("keeps a number's digits in enrichment data, received or added", () => {
    const data = `{"id":"m1","payload":"","publishTime":"2026-11-23T10:00:00Z","enrichmentData":{"n":1.0,"w":9007199254740993}}`;
    for (const payload of [data, ` ${data}`]) {
      const message = enriched(openEnvelope(testMessage({ payload })), { more: new JsonNumber('2.50') });
      const key = (name: string) => keyPath(`enrichmentData.${name}`)(new MessageView(message));
      assert.equal(['n', 'w', 'more'].map(key), ['1.0', '9007199254740993', '2.50']);
    }
  });

  test('an exact path keeps the original digits', () => {
    const view = new MessageView(testMessage({ payload: '{"a":{"n":1.50},"b":1.5,"s":"x"}' }));
    assert.is(JSON.stringify(exactPath('payload.a')(view)), '{"n":1.50}');
    assert.is(exactPath('payload.b')(view), 1.5);
    assert.is(exactPath('payload.s')(view), 'x');
  });
});

suite('key text', ({ test }) => {
  test('is defined for strings, numbers and booleans', () => {
    assert.equal(['a', 7, 0, true, false, -1.5].map(keyText), ['a', '7', '0', 'true', 'false', '-1.5']);
  });

  test('is undefined for everything else', () => {
    for (const value of ['', null, undefined, {}, [], ['a'], Symbol('s')]) assert.is(keyText(value), undefined);
  });
});
