import { FieldValue, Firestore, GeoPoint, Timestamp } from '@google-cloud/firestore';
import { firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import { RetryableError } from '../../core/errors.ts';
import { suite } from '../../testing/suite.ts';
import { firestoreFetcher } from './firestore-fetcher.ts';

type Documents = Record<string, Record<string, unknown>>;

/** A client whose reads are answered here; the rest is Google's own. */
function fetcherOf(documents: Documents, read?: () => Promise<void>) {
  const calls: string[][] = [];
  const answers: string[] = [];
  const results: (string | undefined)[] = [];
  const client = Object.assign(new Firestore({ projectId: 'p' }), {
    getAll: async (...references: { readonly id: string }[]) => {
      calls.push(references.map(({ id }) => id));
      await read?.();
      return references.map(({ id }) => ({ id, exists: id in documents, data: () => documents[id] }));
    },
  });
  const fetcher = firestoreFetcher({
    client,
    collection: 'devices',
    timeoutMs: 50,
    onAnswer: ({ key, found }) => answers.push(`${key.slice(0, 10)} ${found}`),
    onResult: (error) => results.push(error?.message),
  });
  return { client, calls, answers, results, get: (key: string) => firstValueFrom(fetcher.fetch(key)) };
}

suite('firestore fetcher', ({ test }) => {
  test('reads the document of a key; a key without one has no data', async () => {
    const { get, answers, results } = fetcherOf({ d1: { ClientID: 'c' } });
    assert.equal(await Promise.all([get('d1'), get('d2')]), [{ ClientID: 'c' }, undefined]);
    assert.equal(answers, ['d1 true', 'd2 false']);
    assert.equal(results, [undefined]);
  });

  test('a key that cannot be a document id has no data, and causes no call', async () => {
    const { get, calls } = fetcherOf({});
    for (const key of ['', '.', '..', 'a/b', '../x', '/', '__x__', '____', 'x'.repeat(1_501), 'ä'.repeat(751)]) {
      assert.is(await get(key), undefined, key.slice(0, 20));
    }
    assert.equal(calls, []);
  });

  test('requests every other key unchanged', async () => {
    const keys = ['a', '...', '__a', 'a__', '_', 'x'.repeat(1_500), 'ä'.repeat(750), 'a b', '#?*[]', '__proto'];
    const { get, calls } = fetcherOf({});
    await Promise.all(keys.map(get));
    assert.equal(calls, [keys]);
  });

  test('concurrent lookups share one call per 100 documents, and request each key once', async () => {
    const { get, calls } = fetcherOf({ k7: { n: 7 } });
    const keys = Array.from({ length: 250 }, (_, index) => `k${index}`);
    const found = await Promise.all(['k7', 'k7', ...keys].map(get));
    assert.equal(
      calls.map((call) => call.length),
      [100, 100, 50],
    );
    assert.equal([found[0], found[1], found[2], found[9]], [{ n: 7 }, { n: 7 }, undefined, { n: 7 }]);
  });

  test('a failed or slow read is an outage for each of its keys', async () => {
    for (const read of [() => Promise.reject(new Error('unavailable')), () => new Promise<void>(() => {})]) {
      const { get, results } = fetcherOf({}, read);
      const errors = await Promise.all(['a', 'b'].map((key) => get(key).catch((error: unknown) => error)));
      for (const error of errors) assert.instance(error, RetryableError);
      assert.is(results.length, 1);
      assert.match(results[0] ?? '', /^firestore: (unavailable|BatchGetDocuments: no answer within 50 ms)$/);
    }
  });

  test('converts values to JSON', async () => {
    const { client } = fetcherOf({});
    const documents: Documents = {
      d1: {
        at: Timestamp.fromMillis(1_795_428_000_123),
        place: new GeoPoint(1.5, -2),
        bytes: Buffer.from('hello'),
        owner: client.doc('clients/c1'),
        list: [new GeoPoint(0, 0), { deep: Timestamp.fromMillis(0) }],
        nothing: null,
        number: 7,
      },
    };
    assert.equal(await fetcherOf(documents).get('d1'), {
      at: '2026-11-23T10:00:00.123Z',
      place: { latitude: 1.5, longitude: -2 },
      bytes: 'aGVsbG8=',
      owner: 'clients/c1',
      list: [{ latitude: 0, longitude: 0 }, { deep: '1970-01-01T00:00:00.000Z' }],
      nothing: null,
      number: 7,
    });
  });

  test('values without a JSON form keep their digits, microseconds, and names', async () => {
    const documents: Documents = {
      d1: {
        serial: 9_007_199_254_740_993n,
        small: 7n,
        at: new Timestamp(1_764_345_600, 123_456_000),
        before: new Timestamp(-1, 1_000),
        vector: FieldValue.vector([1.5, Number.NaN]),
        nan: Number.NaN,
        infinite: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
        zero: -0,
      },
    };
    assert.is(
      JSON.stringify(await fetcherOf(documents).get('d1')),
      '{"serial":9007199254740993,"small":7,"at":"2025-11-28T16:00:00.123456Z","before":"1969-12-31T23:59:59.000001Z",' +
        '"vector":[1.5,"NaN"],"nan":"NaN","infinite":["Infinity","-Infinity"],"zero":-0.0}',
    );
  });
});
