import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { testMessage } from '../testing/test-desk.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import { PoisonError } from './errors.ts';

const GOOD = { id: 'm1', payload: 'aGVsbG8=', publishTime: '2026-11-23T10:00:00.123456Z' };

function refusal(data: unknown): string {
  const bytes = Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
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
  test('what is encoded comes back: any bytes, any JSON', () => {
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

  test('a payload that is a part of a larger buffer stays that part', () => {
    const part = Buffer.from('xxhelloxx').subarray(2, 7);
    assert.is(Buffer.from(decodeEnvelope(encodeEnvelope(testMessage({ payload: part }))).payload).toString(), 'hello');
    const data = Buffer.from(`xx${JSON.stringify(GOOD)}xx`);
    assert.is(decodeEnvelope(data.subarray(2, data.length - 2)).id, 'm1');
  });

  test('enrichment data that JSON does not know is poison, not a crash', () => {
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

  test('takes missing, null and unknown fields as other programs write them', () => {
    assert.equal(decodeEnvelope(Buffer.from(JSON.stringify(GOOD))).enrichmentData, {});
    assert.equal(decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, enrichmentData: null }))).enrichmentData, {});
    assert.is(decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, more: 1 }))).id, 'm1');
    assert.is(decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, payload: '' }))).payload.byteLength, 0);
    const unpadded = decodeEnvelope(Buffer.from(JSON.stringify({ ...GOOD, payload: 'aGVsbG8' })));
    assert.is(Buffer.from(unpadded.payload).toString(), 'hello');
  });

  test('says what is wrong with a malformed one', () => {
    const cases: [unknown, string][] = [
      ['', 'no JSON envelope'],
      ['{', 'no JSON envelope'],
      ['7', 'no JSON object'],
      ['null', 'no JSON object'],
      [[GOOD], 'no JSON object'],
      [{ ...GOOD, id: undefined }, '"id"'],
      [{ ...GOOD, id: '' }, '"id"'],
      [{ ...GOOD, id: 7 }, '"id"'],
      [{ ...GOOD, payload: undefined }, 'no "payload"'],
      [{ ...GOOD, payload: { a: 1 } }, 'no "payload"'],
      [{ ...GOOD, payload: 'no base64!' }, 'is no base64'],
      [{ ...GOOD, payload: 'aGVsbG8=\n' }, 'is no base64'],
      [{ ...GOOD, payload: 'aGVs=bG8' }, 'is no base64'],
      [{ ...GOOD, payload: 'A' }, 'is no base64'],
      [{ ...GOOD, publishTime: undefined }, '"publishTime"'],
      [{ ...GOOD, publishTime: 'yesterday' }, '"publishTime"'],
      [{ ...GOOD, publishTime: '2026-13-01T00:00:00Z' }, '"publishTime"'],
      [{ ...GOOD, publishTime: 1_700_000_000 }, '"publishTime"'],
      [{ ...GOOD, enrichmentData: [] }, '"enrichmentData"'],
      [{ ...GOOD, enrichmentData: 'x' }, '"enrichmentData"'],
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

  test('a "__proto__" in the enrichment data is a name like any other', () => {
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
