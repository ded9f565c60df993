import { createServer } from 'node:http';
import { firstValueFrom } from 'rxjs';
import * as assert from 'uvu/assert';
import { listen } from '../../sandbox/listen.ts';
import { eventually } from '../../testing/eventually.ts';
import { testScope } from '../../testing/scope.ts';
import { type SilentServer, startSilentServer } from '../../testing/silent-server.ts';
import { suite } from '../../testing/suite.ts';
import { createBigQueryClient } from '../bigquery/client.ts';
import { createStorageClient } from '../storage/client.ts';
import { answerOf, boundedCall } from './bounded-call.ts';

const TIMEOUT_MS = 200;
const GOOGLE = { projectId: 'sandbox' };

/** One of each kind of call that the platform makes. */
const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  'tables.get': () => createBigQueryClient(GOOGLE).dataset('d').table('t').getMetadata(),
  'tabledata.insertAll': () =>
    createBigQueryClient(GOOGLE)
      .dataset('d')
      .table('t')
      .request({ method: 'POST', uri: '/insertAll', body: Buffer.alloc(1_000_000) }),
  'tables.insert': () => createBigQueryClient(GOOGLE).dataset('d').createTable('t', { schema: 'a' }),
  query: () => createBigQueryClient(GOOGLE).query('SELECT 1'),
  'storage.buckets.get': () => createStorageClient(GOOGLE).bucket('b').getMetadata(),
  'storage.buckets.insert': () => createStorageClient(GOOGLE).createBucket('b'),
  'storage.objects.insert': () =>
    createStorageClient(GOOGLE).bucket('b').file('f').save(Buffer.alloc(1_000_000), { resumable: false }),
  'storage.objects.insert, resumable': () =>
    createStorageClient(GOOGLE).bucket('b').file('f').save(Buffer.alloc(1_000), { resumable: true }),
  'storage.objects.get': () => createStorageClient(GOOGLE).bucket('b').file('f').download(),
};

suite('calls over HTTP', (it) => {
  const { test, beforeEach } = it;
  const scope = testScope(it);
  let server: SilentServer;
  beforeEach(async () => {
    server = scope.use(await startSilentServer());
    const env = {
      STORAGE_EMULATOR_HOST: process.env.STORAGE_EMULATOR_HOST,
      BIGQUERY_EMULATOR_HOST: process.env.BIGQUERY_EMULATOR_HOST,
    };
    scope.defer(() => Object.assign(process.env, env));
    process.env.STORAGE_EMULATOR_HOST = `http://127.0.0.1:${server.port}`;
    process.env.BIGQUERY_EMULATOR_HOST = `http://127.0.0.1:${server.port}`;
  });

  for (const [what, call] of Object.entries(CALLS)) {
    test(`${what} that is not answered in time fails, and its socket is closed`, async () => {
      const answer = firstValueFrom(boundedCall(call, { what, timeoutMs: TIMEOUT_MS }));
      answer.catch(() => {});
      await eventually(() => assert.is(server.open, 1, 'the request is sent'), { everyMs: 5 });
      const error = await answer.catch((thrown: Error) => thrown);
      assert.match(String(error), `RetryableError: ${what}: no answer within ${TIMEOUT_MS} ms`);
      await eventually(() => assert.is(server.open, 0, 'open sockets'), { deadlineMs: 2_000 });
    });
  }

  test('an unsubscribed call ends, and others continue', async () => {
    const call = () => createBigQueryClient(GOOGLE).dataset('d').table('t').getMetadata();
    const failures: unknown[] = [];
    const given = (name: string) =>
      boundedCall(call, { what: name, timeoutMs: 60_000 }).subscribe({ error: (thrown) => failures.push(thrown) });
    const [first, second] = [given('first'), given('second')];
    await eventually(() => assert.is(server.open, 2), { everyMs: 5 });
    first.unsubscribe();
    await eventually(() => assert.is(server.open, 1));
    second.unsubscribe();
    await eventually(() => assert.is(server.open, 0));
    assert.equal(failures, []);
  });

  test('a response that stalls halfway ends with the timeout too', async () => {
    let open = 0;
    const half = createServer((_, response) => response.writeHead(200, { 'content-length': 100 }).write('{"id":'));
    half.on('connection', (socket) => {
      open += 1;
      socket.once('close', () => {
        open -= 1;
      });
    });
    process.env.BIGQUERY_EMULATOR_HOST = `http://127.0.0.1:${await listen(half)}`;
    scope.defer(() => half.close());
    const call = () => createBigQueryClient(GOOGLE).dataset('d').table('t').getMetadata();
    const error = await answerOf('tables.get', call, TIMEOUT_MS).catch((thrown: Error) => thrown);
    assert.match(String(error), 'no answer within');
    await eventually(() => assert.is(open, 0));
  });
});
