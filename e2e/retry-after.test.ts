import { randomBytes } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import type { FaultRule } from '../src/sandbox/faults/fault-rule.ts';
import { createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import type { Service } from '../src/services/service.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const RETRY_AFTER_SECONDS = 1;
const TIMES = 2;
/** Without the server's Retry-After, all attempts would end within half a second. */
const IMPATIENT = { initialDelayMs: 50, maxDelayMs: 100 };

suite('Retry-After', (it) => {
  const { test, before, afterEach } = it;
  const whole = suiteScope(it);
  const scope = testScope(it);
  let servers: Servers;
  let pubsub: PubSub;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore', 'storage', 'bigquery'] });
    pubsub = whole.use(new PubSub({ projectId: servers.sandbox.projectId }));
  });
  afterEach(() => servers.sandbox.faults.clear());

  /** Sends one message through a service whose sink refuses it twice, and measures the duration. */
  async function assertWaits(
    open: (common: object, run: string, telemetry: object) => Service<unknown>,
    fault: Pick<FaultRule, 'server' | 'method' | 'resource' | 'error'>,
    retried: string,
  ): Promise<void> {
    const run = `r${randomBytes(4).toString('hex')}`;
    const [topic] = await pubsub.createTopic(run);
    await pubsub.createTopic(`${run}-out`);
    const [subscription] = await topic.createSubscription(run);
    const common = {
      google: { projectId: servers.sandbox.projectId },
      http: { host: '127.0.0.1', port: 0 },
      source: { subscriptionId: subscription.name.split('/').at(-1) },
      input: 'raw',
    };
    const times: number[] = [];
    const write = (line: string) => {
      if (JSON.parse(line).event === retried) times.push(performance.now());
    };
    const service = open(common, run, { destination: { write }, processMetrics: false });
    scope.defer(() => service.shutdown(5_000));
    await service.start();
    await service.ready;
    servers.sandbox.faults.add({ ...fault, times: TIMES });
    await topic.publishMessage({ data: Buffer.from('{"n":1}') });
    await eventually(() => assert.is(service.ledger.acked, 1));
    const waits = [...times.slice(1), performance.now()].map((at, index) => at - (times[index] ?? 0));
    assert.is(waits.length, TIMES);
    for (const wait of waits) assert.ok(wait >= RETRY_AFTER_SECONDS * 1_000 - 50, `${wait} ms`);
  }

  const http = { code: 429, reason: 'rateLimitExceeded', retryAfterSeconds: RETRY_AFTER_SECONDS };

  test('of Cloud Storage is respected by icestore', () =>
    assertWaits(
      (common, run, telemetry) => {
        const archive = { maxAgeMs: 100, retry: IMPATIENT };
        const bucket = { name: `bucket-${run}`, create: true };
        const config = v.parse(icestoreSchema, { service: 'icestore', ...common, bucket, archive });
        return createIcestore(config, { telemetry });
      },
      { server: 'storage', method: 'storage.objects.insert', error: http },
      'upload.retried',
    ));

  test('of BigQuery is respected by bigqueries', () =>
    assertWaits(
      (common, run, telemetry) => {
        const schema = [{ name: 'n', type: 'INT64' }];
        const table = { datasetId: run, tableId: 'rows', create: true, schema };
        const insert = { maxDelayMs: 50, retry: IMPATIENT };
        const config = v.parse(bigqueriesSchema, { service: 'bigqueries', ...common, table, insert });
        return createBigQueries(config, { telemetry });
      },
      { server: 'bigquery', method: 'tabledata.insertAll', error: http },
      'insert.retried',
    ));

  test('of Pub/Sub is respected by enrich', () =>
    assertWaits(
      (common, run, telemetry) => {
        const rest = {
          lookup: { firestore: { collection: run } },
          output: { topicId: `${run}-out` },
          publish: { retry: IMPATIENT },
        };
        return createEnrich(v.parse(enrichSchema, { service: 'enrich', ...common, ...rest }), { telemetry });
      },
      {
        server: 'pubsub',
        method: 'Publish',
        resource: '*-out',
        error: { code: 'RESOURCE_EXHAUSTED', retryAfterSeconds: RETRY_AFTER_SECONDS },
      },
      'publish.retried',
    ));
});
