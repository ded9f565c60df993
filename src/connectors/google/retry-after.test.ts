import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';
import { createBigQueryClient } from '../bigquery/client.ts';
import { createPubSubClients, type PubSubClients } from '../pubsub/client.ts';
import { createStorageClient } from '../storage/client.ts';
import { asCallError, asHttpError, asHttpStartError, asStartError, retryAfterOf } from './errors.ts';
import { callUnary, grpcClientOf, routedBy } from './grpc-client.ts';

const TOPIC = 'projects/sandbox/topics/t';

suite('Retry-After', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let pubsub: PubSubClients;

  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['pubsub', 'storage', 'bigquery'] }));
    pubsub = scope.use(await createPubSubClients({ projectId: 'sandbox' }));
  });

  const failureOf = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => assert.unreachable('the call succeeded'),
      (thrown: unknown) => thrown,
    );

  test('is read from errors of Cloud Storage and BigQuery', async () => {
    for (const server of ['storage', 'bigquery'] as const) {
      sandbox.faults.add({ server, error: { code: 429, reason: 'rateLimitExceeded', retryAfterSeconds: 1.5 } });
    }
    const bucket = createStorageClient({ projectId: 'sandbox' }).bucket('bucket');
    const table = createBigQueryClient({ projectId: 'sandbox' }).dataset('d').table('t');
    for (const call of [
      () => bucket.file('file').save('x', { resumable: false }),
      () => bucket.getMetadata(),
      () => table.request({ method: 'POST', uri: '/insertAll', json: { rows: [] } }),
      () => table.getMetadata(),
    ]) {
      const thrown = await failureOf(call());
      for (const error of [asHttpError(thrown), asHttpStartError('setting', 'value', thrown)]) {
        assert.is('retryAfterMs' in error && error.retryAfterMs, 1_500);
      }
    }
  });

  test('is read from errors of Pub/Sub, in generated and in our own calls', async () => {
    sandbox.faults.add({ server: 'pubsub', error: { code: 'RESOURCE_EXHAUSTED', retryAfterSeconds: 1.5 } });
    const client = await grpcClientOf(pubsub.publisher);
    for (const call of [
      () => pubsub.publisher.publish({ topic: TOPIC, messages: [{ data: Buffer.from('x') }] }, { retry: null }),
      () => {
        const bounds = { metadata: routedBy('topic', TOPIC), timeoutMs: 10_000 };
        return callUnary(client, '/google.pubsub.v1.Publisher/Publish', Buffer.alloc(0), bounds);
      },
    ]) {
      const thrown = await failureOf(call());
      for (const error of [asCallError(thrown), asStartError('setting', 'value', thrown)]) {
        assert.is('retryAfterMs' in error && error.retryAfterMs, 1_500);
      }
    }
  });

  test('may be seconds or a date, within limits', () => {
    const now = Date.parse('2026-11-28T08:00:00Z');
    const after = (value: unknown, headers: unknown = { 'retry-after': value }) =>
      retryAfterOf(Object.assign(new Error('no'), { response: { headers } }), now);
    assert.is(after('2'), 2_000);
    assert.is(after(undefined, new Headers({ 'Retry-After': '2' })), 2_000);
    assert.is(after('Sat, 28 Nov 2026 08:00:05 GMT'), 5_000);
    assert.is(after('Sat, 28 Nov 2026 07:00:00 GMT'), undefined, 'it is over');
    assert.is(after('31536000'), 300_000, 'at most five minutes');
    for (const odd of ['', 'soon', '-1', '0', undefined, 7]) assert.is(after(odd), undefined, String(odd));
    assert.is(retryAfterOf('a text'), undefined);
    assert.is(retryAfterOf(Object.assign(new Error('no'), { statusDetails: [{ retryDelay: null }, 7] })), undefined);
  });
});
