import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { testMessage } from '../testing/test-desk.ts';
import { compilePath, keyText, MessageView, PATH_ROOTS, validPath } from './message-path.ts';

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

  test('a root alone is the whole of it', () => {
    assert.is(read('payload'), VIEW.payload);
    assert.is(read('enrichmentData'), VIEW.message.enrichmentData);
    assert.is(read('attributes'), VIEW.message.attributes);
  });

  test('is undefined where it leads nowhere', () => {
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

  test('a payload that is no JSON leads nowhere, and a broken one is parsed once', () => {
    const view = new MessageView(testMessage({ payload: '{broken' }));
    assert.is(validPath('payload')(view), undefined);
    assert.is(validPath('payload.a')(view), undefined);
    assert.is(VIEW.payload, VIEW.payload, 'one object for every path');
  });

  test('a payload inside of a larger buffer is read as that part', () => {
    const payload = Buffer.from('xx{"a":1}xx').subarray(2, 9);
    assert.is(validPath('payload.a')(new MessageView(testMessage({ payload }))), 1);
  });

  test('finds every value of any JSON, by the names that lead to it', () => {
    const part = fc.oneof(
      fc.string({ minLength: 1 }).filter((name) => !name.includes('.')),
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

suite('key text', ({ test }) => {
  test('texts, numbers and booleans make a key', () => {
    assert.equal(['a', 7, 0, true, false, -1.5].map(keyText), ['a', '7', '0', 'true', 'false', '-1.5']);
  });

  test('everything else makes none', () => {
    for (const value of ['', null, undefined, {}, [], ['a'], Symbol('s')]) assert.is(keyText(value), undefined);
  });
});
