import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { PoisonError } from '../../core/errors.ts';
import type { Message } from '../../core/message.ts';
import { keyPath, MessageView } from '../../core/message-path.ts';
import { suite } from '../../testing/suite.ts';
import { testMessage } from '../../testing/test-context.ts';
import {
  dataJson,
  decodeEnvelope,
  EnvelopedMessage,
  encodeEnvelope,
  enriched,
  openEnvelope,
  payloadBase64,
} from './envelope.ts';

const GOOD = { id: 'm1', payload: 'aGVsbG8=', publishTime: '2026-11-23T10:00:00.123456Z' };

function refusal(data: unknown): string {
  const bytes = Buffer.isBuffer(data) ? data : Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
  try {
    decodeEnvelope(bytes);
  } catch (thrown) {
    assert.instance(thrown, PoisonError);
    assert.is(thrown instanceof PoisonError && thrown.reason, 'undecodable');
    return thrown instanceof Error ? thrown.message : '';
  }
  throw new Error(`decoded ${bytes}`);
}

suite('envelope', ({ test }) => {
  test('decodes what it encodes: any bytes, any JSON', () => {
    const message = fc.record({
      id: fc.string({ minLength: 1, unit: 'binary' }),
      payload: fc.uint8Array({ maxLength: 200 }),
      publishTime: fc.constantFrom('2026-11-23T10:00:00Z', '1970-01-01T00:00:00.123456789Z'),
      enrichmentData: fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()),
    });
    fc.assert(
      fc.property(message, (fields) => {
        const decoded = decodeEnvelope(encodeEnvelope(testMessage(fields)));
        assert.is(decoded.id, fields.id.toWellFormed());
        assert.equal([...decoded.payload], [...fields.payload]);
        assert.is(decoded.publishTime, fields.publishTime);
        assert.is(JSON.stringify(decoded.enrichmentData), JSON.stringify(fields.enrichmentData));
      }),
    );
  });

  test('has the fields that other programs read, and no empty enrichment data', () => {
    const message = testMessage({ payload: 'hello', attributes: { a: '1' } });
    assert.equal(JSON.parse(encodeEnvelope(message).toString()), {
      id: 'm1',
      payload: 'aGVsbG8=',
      publishTime: '2026-11-23T10:00:00Z',
    });
    const data = { DeviceID: 'd1', nested: { a: [1] } };
    assert.equal(JSON.parse(encodeEnvelope({ ...message, enrichmentData: data }).toString()).enrichmentData, data);
  });

  test("encodes only the payload's part of a larger buffer", () => {
    const part = Buffer.from('xxhelloxx').subarray(2, 7);
    assert.is(Buffer.from(decodeEnvelope(encodeEnvelope(testMessage({ payload: part }))).payload).toString(), 'hello');
    const data = Buffer.from(`xx${JSON.stringify(GOOD)}xx`);
    assert.is(decodeEnvelope(data.subarray(2, data.length - 2)).id, 'm1');
  });

  test('enrichment data that JSON cannot represent is poison, not a crash', () => {
    for (const enrichmentData of [{ n: 1n }, circular()]) {
      assert.throws(
        () => encodeEnvelope(testMessage({ enrichmentData })),
        (thrown: unknown) => {
          assert.instance(thrown, PoisonError);
          return thrown instanceof PoisonError && thrown.reason === 'rejected';
        },
      );
    }
  });

  test('accepts missing, null and unknown fields as other programs write them', () => {
    assert.equal(decodeEnvelope(Buffer.from(JSON.stringify(GOOD))).enrichmentData, {});
    assert.equal(decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, enrichmentData: null }))).enrichmentData, {});
    assert.is(decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, more: 1 }))).id, 'm1');
    assert.is(decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, payload: '' }))).payload.byteLength, 0);
    const unpadded = decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, payload: 'aGVsbG8' })));
    assert.is(Buffer.from(unpadded.payload).toString(), 'hello');
  });

  test('describes the problem of a malformed one', () => {
    const cases: [unknown, string][] = [
      ['', 'not a JSON envelope'],
      ['{', 'not a JSON envelope'],
      ['7', 'not a JSON object'],
      ['null', 'not a JSON object'],
      [[GOOD], 'not a JSON object'],
      [{ ...GOOD, id: undefined }, '"id"'],
      [{ ...GOOD, id: '' }, '"id"'],
      [{ ...GOOD, id: 7 }, '"id"'],
      [{ ...GOOD, payload: undefined }, 'no "payload"'],
      [{ ...GOOD, payload: { a: 1 } }, 'no "payload"'],
      [{ ...GOOD, payload: 'no base64!' }, 'is not base64'],
      [{ ...GOOD, payload: 'aGVsbG8=\n' }, 'is not base64'],
      [{ ...GOOD, payload: 'aGVs=bG8' }, 'is not base64'],
      [{ ...GOOD, payload: 'A' }, 'is not base64'],
      [{ ...GOOD, publishTime: undefined }, '"publishTime"'],
      [{ ...GOOD, publishTime: 'yesterday' }, '"publishTime"'],
      [{ ...GOOD, publishTime: '2026-13-01T00:00:00Z' }, '"publishTime"'],
      [{ ...GOOD, publishTime: 1_700_000_000 }, '"publishTime"'],
      [{ ...GOOD, publishTime: '9999-12-31T23:59:59-01:00' }, '"publishTime"'],
      [{ ...GOOD, publishTime: '0000-01-01T00:00:00Z' }, '"publishTime"'],
      [{ ...GOOD, enrichmentData: [] }, '"enrichmentData"'],
      [{ ...GOOD, enrichmentData: 'x' }, '"enrichmentData"'],
      ['12345678901234567890', 'not a JSON object'],
      [JSON.stringify({ ...GOOD, enrichmentData: 7 }).replace(':7', ':12345678901234567890'), '"enrichmentData"'],
    ];
    for (const [data, problem] of cases) assert.match(refusal(data), problem);
  });

  test('any bytes decode or are poison: nothing else is thrown', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({ id: fc.jsonValue(), payload: fc.jsonValue(), publishTime: fc.jsonValue() })
        .map((value) => Buffer.from(JSON.stringify({ ...GOOD, ...value }))),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        try {
          decodeEnvelope(bytes);
        } catch (thrown) {
          assert.instance(thrown, PoisonError);
        }
      }),
    );
  });

  test('treats "__proto__" in the enrichment data as an ordinary name', () => {
    const text = `{"id":"m1","payload":"","publishTime":"${GOOD.publishTime}","enrichmentData":{"__proto__":{"x":1}}}`;
    const { enrichmentData } = decodeEnvelope(Buffer.from(text));
    assert.is(enrichmentData.x, undefined);
    assert.ok(Object.hasOwn(enrichmentData, '__proto__'));
  });
});

function circular(): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

suite('an envelope view', ({ test }) => {
  const anyText = fc.string({ unit: 'binary' });
  const member = fc.constantFrom('id', 'payload', 'publishTime', 'enrichmentData', 'more', '__proto__');
  const value = fc.oneof(
    anyText.map((text) => JSON.stringify(text)),
    fc.constantFrom('"m1"', '"aGVsbG8="', '"aGVsbG8"', '"-_8="', '"="', '""', `"${GOOD.publishTime}"`, '{}', 'null'),
    fc.dictionary(anyText, fc.jsonValue()).map((data) => JSON.stringify(data)),
  );
  /** Valid envelopes with arbitrary modifications. */
  const mangled = fc
    .record({
      id: fc.oneof(anyText, fc.constantFrom('a"b', 'a\\b', 'ü'), {
        weight: 6,
        arbitrary: fc.constantFrom('m1', 'x y'),
      }),
      payload: fc.oneof(
        {
          weight: 6,
          arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')),
        },
        fc.constantFrom('aGVsbG9=', 'A+=='),
      ),
      publishTime: fc.oneof(
        { weight: 4, arbitrary: fc.constant(GOOD.publishTime) },
        fc.constantFrom('2026-02-29T00:00:00Z', '2026-11-23T10:00:00+02:00', ''),
      ),
      enrichmentData: fc.option(fc.dictionary(fc.oneof(anyText, fc.constant('__proto__')), fc.jsonValue()), {
        nil: undefined,
      }),
      added: fc.array(fc.tuple(member, value), { maxLength: 2 }),
      cut: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, fc.nat(300)),
      flipped: fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, fc.tuple(fc.nat(300), fc.nat(255))),
    })
    .map(({ added, cut, flipped, id, payload, publishTime, enrichmentData }) => {
      const envelope = { id, payload, publishTime, enrichmentData };
      const more = added.map(([name, json]) => `,"${name}":${json}`).join('');
      const bytes = Buffer.from(`${JSON.stringify(envelope).slice(0, -1)}${more}}`);
      if (flipped !== null && flipped[0] < bytes.length) bytes[flipped[0]] = flipped[1];
      return cut === null ? bytes : bytes.subarray(0, cut);
    });

  const result = <T>(of: () => T): T | string => {
    try {
      return of();
    } catch (thrown) {
      return thrown instanceof PoisonError ? thrown.message : `unexpected: ${thrown}`;
    }
  };

  test('equals the result of JSON.parse, whatever it contains', () => {
    let inPlace = 0;
    fc.assert(
      fc.property(mangled, (bytes) => {
        const attributes = { a: '1' };
        const parsed = result(() => decodeEnvelope(bytes));
        const opened = result(() => openEnvelope(testMessage({ payload: bytes, attributes })));
        if (typeof parsed === 'string' || typeof opened === 'string') return assert.is(opened, parsed);
        if (opened instanceof EnvelopedMessage) inPlace += 1;
        const { id, payload, publishTime, enrichmentData } = opened;
        assert.equal([id, publishTime, opened.attributes], [parsed.id, parsed.publishTime, attributes]);
        assert.equal([...payload], [...parsed.payload]);
        assert.is(JSON.stringify(enrichmentData), JSON.stringify(parsed.enrichmentData));
        assert.is(Object.getPrototypeOf(enrichmentData), Object.prototype);
        // Reusing the original bytes gives the same result as encoding the envelope again.
        const written = JSON.parse(encodeEnvelope({ ...parsed, attributes }).toString());
        assert.equal(JSON.parse(encodeEnvelope(opened).toString()), written);
        assert.is(payloadBase64(opened), written.payload);
      }),
      { numRuns: 5_000 },
    );
    assert.ok(inPlace > 500, `only ${inPlace} envelopes had the common form`);
  });

  test('passes one payload on as one text, even if unused bits were set', () => {
    for (const [came, goes] of [
      ['A+==', 'Aw=='],
      ['aGVsbG9=', 'aGVsbG8='],
      ['aGVsbG8=', 'aGVsbG8='],
      ['Aw==', 'Aw=='],
      ['', ''],
    ] as const) {
      const opened = openEnvelope(testMessage({ payload: JSON.stringify({ ...GOOD, payload: came }) }));
      assert.is(payloadBase64(opened), goes);
      assert.is(JSON.parse(encodeEnvelope(opened).toString()).payload, goes);
      assert.is(opened instanceof EnvelopedMessage, came === goes, came);
    }
  });

  test('writes added enrichment data, in any alphabet', () => {
    const bytes = encodeEnvelope(testMessage({ enrichmentData: { location: 'Zürich' } }));
    const opened = openEnvelope(testMessage({ payload: bytes }));
    assert.instance(opened, EnvelopedMessage);
    const more = openEnvelope(testMessage({ payload: encodeEnvelope(enriched(opened, { owner: '李' })) }));
    assert.equal(more.enrichmentData, { location: 'Zürich', owner: '李' });
    assert.is(Buffer.from(more.payload).toString(), '{}');
  });
});

suite('enrichment data that is passed on', ({ test }) => {
  const head = '{"id":"m1","payload":"","publishTime":"2026-11-23T10:00:00Z"';
  /** Written as this project does, and in other forms. */
  const opened = (data: string) =>
    [
      `${head},"enrichmentData":${data}}`,
      `${head}, "enrichmentData" : ${data} }`,
      `\ufeff${head},"enrichmentData":${data}}`,
    ].map((payload) => openEnvelope(testMessage({ payload })));
  const handedOn = (message: Message): string =>
    encodeEnvelope(message).toString().slice(`${head},"enrichmentData":`.length, -1);

  test('keeps every byte of unchanged members', () => {
    const data =
      '{"serial":9007199254740993,"t":21.50,"e":1e400,"z":-0,"s":"\\u00fc","gap" : [ 1 ],"__proto__":{"a":1}}';
    for (const message of opened(data)) {
      assert.is(handedOn(message), data);
      assert.is(handedOn(enriched(message, {})), data);
      assert.is(handedOn(enriched(message, { none: undefined })), data);
      assert.is(handedOn(enriched(enriched(message, { a: 1 }), { b: 'x' })), `${data.slice(0, -1)},"a":1,"b":"x"}`);
      assert.is(dataJson(message), data);
    }
  });

  test('replaces an existing member, and never doubles it', () => {
    for (const message of opened('{"n":1.0,"name":"old","deep":{"name":1},"name":"older","last":2.0}')) {
      assert.is(handedOn(enriched(message, { name: 'new' })), '{"n":1.0,"name":"new","deep":{"name":1},"last":2.0}');
      assert.is(handedOn(enriched(message, { last: 3, name: undefined })), '{"n":1.0,"deep":{"name":1},"last":3}');
      assert.equal(enriched(message, { name: 'new' }).enrichmentData.name, 'new');
    }
  });

  test('equals the merged objects, whatever they contain', () => {
    const name = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'a"b', 'x\\'), fc.string());
    const object = fc.dictionary(name, fc.jsonValue(), { maxKeys: 5 });
    fc.assert(
      fc.property(object, fc.array(object, { maxLength: 3 }), fc.constantFrom(undefined, 1), (data, extras, indent) => {
        for (const came of opened(JSON.stringify(data, undefined, indent))) {
          let message = came;
          let merged: Record<string, unknown> = JSON.parse(JSON.stringify(data));
          for (const extra of extras) {
            message = enriched(message, extra);
            merged = { ...merged, ...extra };
          }
          const { enrichmentData = {} } = JSON.parse(encodeEnvelope(message).toString());
          assert.equal(Object.fromEntries(Object.entries(enrichmentData)), JSON.parse(JSON.stringify(merged)));
          assert.is(JSON.stringify(message.enrichmentData), JSON.stringify(merged));
        }
      }),
    );
  });

  test('is poison when written, not before, if JSON cannot represent it', () => {
    for (const message of opened('{"n":1.0}')) {
      for (const extra of [{ added: 1n }, { n: 1n }, circular()]) {
        const more = enriched(message, extra);
        assert.ok(keyPath('enrichmentData.other')(new MessageView(more)) === undefined);
        keyPath('enrichmentData.n')(new MessageView(more));
        assert.throws(
          () => encodeEnvelope(more),
          (thrown: unknown) => thrown instanceof PoisonError && thrown.reason === 'rejected',
        );
      }
    }
  });

  test('an envelope that is not UTF-8 is poison', () => {
    const bytes = Buffer.from(`${head},"enrichmentData":{"name":"B\u00fcro"}}`, 'latin1');
    assert.match(refusal(bytes), 'UTF-8');
    assert.throws(() => openEnvelope(testMessage({ payload: bytes })), 'UTF-8');
  });
});
