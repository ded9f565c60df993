import {
  type CollectionReference,
  FieldPath,
  FieldValue,
  Firestore,
  GeoPoint,
  Timestamp,
} from '@google-cloud/firestore';
import { FirestoreClient } from '@google-cloud/firestore-api/client_v1';
import { credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { suiteScope } from '../../testing/scope.ts';
import { type Suite, suite } from '../../testing/suite.ts';

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const FAILED_PRECONDITION = 9;

/** A Firestore under test. */
export interface FirestoreTarget {
  /** `127.0.0.1:port` */
  readonly host: string;
  close(): Promise<void>;
}

/** Returns the gRPC code of a call that must fail. */
async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  throw new Error('the call should have failed');
}

/** Starts a target before a suite's tests; returns its clients, and a separate collection for every test. */
export function useFirestore(tests: Suite, start: () => Promise<FirestoreTarget>) {
  const scope = suiteScope(tests);
  let db: Firestore | undefined;
  let client: FirestoreClient | undefined;
  let collections = 0;
  tests.before(async () => {
    const { host } = scope.use(await start());
    process.env.FIRESTORE_EMULATOR_HOST = host;
    const [servicePath = '', port] = host.split(':');
    const sslCreds = credentials.createInsecure();
    client = scope.use(new FirestoreClient({ projectId: 'contract', servicePath, port: Number(port), sslCreds }));
    // Reads integers as bigint, so that 1 and 1.0 differ.
    const firestore = new Firestore({ projectId: 'contract', useBigInt: true });
    scope.defer(() => firestore.terminate());
    db = firestore;
  });
  tests.beforeEach(() => {
    collections += 1;
  });
  const database = (): Firestore => {
    if (db === undefined) throw new Error('the Firestore did not start');
    return db;
  };
  /** Google's generated client, for calls that the high-level one never makes. */
  const raw = (): FirestoreClient => {
    if (client === undefined) throw new Error('the Firestore did not start');
    return client;
  };
  return { database, raw, collection: (): CollectionReference => database().collection(`c${collections}`) };
}

/**
 * Tests the common behavior of the sandbox, Google's emulator and the service. `size` selects whether the tests run
 * always or only at full size.
 */
export function firestoreContract(name: string, size: 'test' | 'long', start: () => Promise<FirestoreTarget>): void {
  suite(`Firestore contract: ${name}`, (tests) => {
    const test = tests[size];
    const { database, raw, collection } = useFirestore(tests, start);

    test('every type of value comes back as it was written', async () => {
      const document = collection().doc('values');
      const values = {
        null: null,
        yes: true,
        no: false,
        integer: 42n,
        least: -(2n ** 63n),
        most: 2n ** 63n - 1n,
        double: 1.5,
        nan: Number.NaN,
        infinite: Number.NEGATIVE_INFINITY,
        minusZero: -0,
        tiny: Number.MIN_VALUE,
        text: 'ü \u0000 \u{1F600}',
        empty: '',
        bytes: Buffer.from([0, 255, 1]),
        noBytes: Buffer.alloc(0),
        early: new Timestamp(-62_135_596_800, 0),
        late: new Timestamp(253_402_300_799, 999_999_000),
        place: new GeoPoint(-90, 180),
        origin: new GeoPoint(0, 0),
        array: [1n, 'two', { three: [3n] }, null],
        emptyArray: [],
        map: { inner: { deepest: 1n }, 'odd key.`\\': 2n },
        emptyMap: {},
      };
      await document.set({ ...values, reference: document });
      const { reference, ...read } = (await document.get()).data() ?? {};
      assert.equal(read, values);
      assert.ok(Object.is(read.minusZero, -0));
      assert.is(reference.path, document.path);
    });

    test('get distinguishes a missing document from an empty one, and returns the times', async () => {
      const missing = await collection().doc('missing').get();
      assert.is(missing.exists, false);
      assert.ok(missing.readTime.toMillis() > 0);
      const written = await collection().doc('empty').set({});
      const empty = await collection().doc('empty').get();
      assert.equal(empty.data(), {});
      assert.ok(empty.createTime?.isEqual(written.writeTime));
      assert.ok(empty.updateTime?.isEqual(written.writeTime));
      await collection().doc('empty').set({ a: 1 });
      const changed = await collection().doc('empty').get();
      assert.ok(changed.createTime?.isEqual(written.writeTime));
      assert.ok(Number(changed.updateTime?.valueOf()) > Number(empty.updateTime?.valueOf()));
    });

    test('a write that changes nothing keeps the update time', async () => {
      const document = collection().doc('same');
      const first = await document.set({ a: 1 });
      const second = await document.set({ a: 1 });
      assert.ok(second.writeTime.isEqual(first.writeTime));
    });

    test('getAll gives documents in the order asked for, missing ones too, and only masked fields', async () => {
      const names = Array.from({ length: 120 }, (_, index) => `d${index}`);
      const batch = database().batch();
      for (const name of names) batch.set(collection().doc(name), { name, more: { a: 1, b: 2 } });
      await batch.commit();
      const references = [...names, 'nobody', 'd7'].map((name) => collection().doc(name));
      const found = await database().getAll(...references, { fieldMask: ['name', 'more.b', 'none'] });
      assert.equal(
        found.map((snapshot) => snapshot.id),
        references.map((reference) => reference.id),
      );
      assert.equal(found[7]?.data(), { name: 'd7', more: { b: 2n } });
      assert.is(found[120]?.exists, false);
    });

    test('preconditions: exists and update time, each with its code', async () => {
      const document = collection().doc('guarded');
      assert.is(await codeOf(document.update({ a: 1 })), NOT_FOUND);
      assert.is(await codeOf(document.delete({ exists: true })), NOT_FOUND);
      const { writeTime } = await document.create({ a: 1 });
      assert.is(await codeOf(document.create({ a: 2 })), ALREADY_EXISTS);
      const old = { lastUpdateTime: Timestamp.fromMillis(1000) };
      assert.is(await codeOf(document.update({ a: 2 }, old)), FAILED_PRECONDITION);
      assert.is(await codeOf(document.delete(old)), FAILED_PRECONDITION);
      assert.is(await codeOf(collection().doc('missing').delete(old)), FAILED_PRECONDITION);
      await document.update({ a: 3 }, { lastUpdateTime: writeTime });
      assert.equal((await document.get()).data(), { a: 3n });
      await document.delete();
      await document.delete();
      assert.is((await document.get()).exists, false);
    });

    test('a batch is written whole or not at all, and its writes see those before them', async () => {
      const document = collection().doc('first');
      await document.create({ a: 1 });
      const failing = database().batch().set(collection().doc('second'), { b: 1 }).create(document, { a: 2 });
      assert.is(await codeOf(failing.commit()), ALREADY_EXISTS);
      assert.is((await collection().doc('second').get()).exists, false);
      const again = database().batch().set(collection().doc('third'), { c: 1 });
      await again.update(collection().doc('third'), { d: 2 }).delete(document).commit();
      assert.equal((await collection().doc('third').get()).data(), { c: 1n, d: 2n });
      assert.is((await document.get()).exists, false);
    });

    test('merge and update touch only the fields they name', async () => {
      const document = collection().doc('merged');
      await document.set({ a: { b: 1, c: 2 }, d: 1, 'x.y': 1 });
      await document.set({ a: { b: FieldValue.delete(), e: 5 } }, { merge: true });
      assert.equal((await document.get()).data(), { a: { c: 2n, e: 5n }, d: 1n, 'x.y': 1n });
      await document.update('a.c', FieldValue.delete(), 'd.deep', 1, new FieldPath('x.y'), 2, 'q.r.s', 3);
      assert.equal((await document.get()).data(), { a: { e: 5n }, d: { deep: 1n }, 'x.y': 2n, q: { r: { s: 3n } } });
      await collection().doc('new').set({}, { merge: true });
      assert.equal((await collection().doc('new').get()).data(), {});
    });

    test('transforms: increment, arrayUnion, arrayRemove, serverTimestamp', async () => {
      const document = collection().doc('transformed');
      await document.set({ n: 1, f: 1.5, text: 'x', most: 2n ** 63n - 1n, list: [1, 2, Number.NaN, 'a'], gone: 'x' });
      const { writeTime } = await document.update({
        n: FieldValue.increment(2),
        f: FieldValue.increment(1),
        text: FieldValue.increment(1),
        most: FieldValue.increment(5),
        list: FieldValue.arrayUnion(2, 3, Number.NaN, 3),
        gone: FieldValue.arrayRemove('x'),
        'm.k': FieldValue.increment(0.5),
        at: FieldValue.serverTimestamp(),
      });
      const { at, ...rest } = (await document.get()).data() ?? {};
      assert.equal(rest, {
        n: 3n,
        f: 2.5,
        text: 1n,
        most: 2n ** 63n - 1n,
        list: [1n, 2n, Number.NaN, 'a', 3n],
        gone: [],
        m: { k: 0.5 },
      });
      assert.is(at.nanoseconds % 1_000_000, 0, 'in milliseconds');
      assert.ok(Math.abs(at.toMillis() - writeTime.toMillis()) < 1000);
      await document.update({ list: FieldValue.arrayRemove(1, Number.NaN, 'b') });
      assert.equal((await document.get()).get('list'), [2n, 'a', 3n]);
    });

    test('bulkWriter writes each document separately, and reports each failure', async () => {
      await collection().doc('taken').create({ a: 1 });
      const writer = database().bulkWriter();
      writer.onWriteError(() => false);
      const codes: Promise<unknown>[] = [
        writer.create(collection().doc('taken'), { a: 2 }),
        writer.set(collection().doc('free'), { a: 3 }),
        writer.update(collection().doc('missing'), { a: 4 }),
        writer.delete(collection().doc('nobody')),
      ].map((outcome) => outcome.then(() => 'written').catch((error) => error.code));
      await writer.close();
      assert.equal(await Promise.all(codes), [ALREADY_EXISTS, 'written', NOT_FOUND, 'written']);
      assert.equal((await collection().doc('free').get()).data(), { a: 3n });
    });

    test('lists documents by id, those that only have documents below them too', async () => {
      for (const id of ['b', 'a', '\u{1F600}', '\uFF5E', 'ghost/below/x']) await collection().doc(id).set({ id });
      const listed = await collection().listDocuments();
      assert.equal(
        listed.map(({ id }) => id),
        ['a', 'b', 'ghost', '\uFF5E', '\u{1F600}'],
      );
    });

    test('the calls for a single document: create, get, update with a mask, list in pages, delete', async () => {
      const client = raw();
      const parent = 'projects/contract/databases/(default)/documents';
      const collectionId = collection().id;
      const fields = { a: { integerValue: '1' }, b: { stringValue: 'x' } };
      const creation = { parent, collectionId, documentId: 'one', document: { fields } };
      const [created] = await client.createDocument(creation);
      const name = `${parent}/${collectionId}/one`;
      assert.is(created.name, name);
      assert.is(await codeOf(client.createDocument(creation)), ALREADY_EXISTS);
      const update = { name, fields: { a: { integerValue: '2' } } };
      const updateMask = { fieldPaths: ['a', 'b'] };
      const [updated] = await client.updateDocument({
        document: update,
        updateMask,
        currentDocument: { exists: true },
      });
      assert.equal(updated.createTime, created.createTime);
      const [got] = await client.getDocument({ name });
      assert.equal(Object.keys(got.fields ?? {}), ['a']);
      assert.is(String(got.fields?.a?.integerValue), '2');
      assert.equal(got.updateTime, updated.updateTime);

      const [named] = await client.createDocument({ parent, collectionId, document: { fields } });
      assert.match(named.name ?? '', /\/[a-zA-Z0-9]{20}$/);
      const names: unknown[] = [];
      let pages = 0;
      for (let pageToken: string | null | undefined; pageToken !== ''; pages += 1) {
        const request = {
          parent,
          collectionId,
          pageSize: 1,
          mask: { fieldPaths: ['b'] },
          ...(pageToken && { pageToken }),
        };
        const [documents, , reply] = await client.listDocuments(request, { autoPaginate: false });
        names.push(...documents.map((document) => document.name));
        pageToken = reply?.nextPageToken ?? '';
      }
      assert.ok(pages >= 2);
      assert.equal(names.sort(), [name, named.name].sort());

      await client.deleteDocument({ name });
      assert.is(await codeOf(client.getDocument({ name })), NOT_FOUND);
      assert.is(await codeOf(client.deleteDocument({ name, currentDocument: { exists: true } })), NOT_FOUND);
      assert.is(await codeOf(client.getDocument({ name: `${parent}/${collectionId}` })), INVALID_ARGUMENT);
    });

    test('refuses names that are reserved or too long', async () => {
      for (const id of ['__reserved__', 'x'.repeat(1501)]) {
        assert.is(await codeOf(collection().doc(id).set({ a: 1 })), INVALID_ARGUMENT, id);
      }
      await collection().doc('x'.repeat(1500)).set({ a: 1 });
    });
  });
}
