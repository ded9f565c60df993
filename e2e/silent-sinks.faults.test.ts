import * as assert from 'uvu/assert';
import { createPipelineService, loadPipeline } from '../src/services/pipeline.ts';
import { builtInPipeline } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { startProxies } from '../src/testing/proxied-servers.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';

const SILENT_MS = sized({ full: 80_000, short: 1_000 });
const MESSAGES = sized({ full: 5_000, short: 1_000 });
const CALL_TIMEOUT_MS = 250;
const CONCURRENCY = 4;
/** Sockets that a call has released, or that are being closed. */
const SPARE_SOCKETS = 2;

const SINKS = {
  bigqueries: {
    part: 'bigquery',
    method: 'tabledata.insertAll',
    env: {
      DATAFLOW_INSERT__TIMEOUT_MS: String(CALL_TIMEOUT_MS),
      DATAFLOW_INSERT__CONCURRENCY: String(CONCURRENCY),
      DATAFLOW_INSERT__RETRY__MAX_DELAY_MS: '100',
    },
  },
  icestore: {
    part: 'storage',
    method: 'storage.objects.insert',
    env: {
      ARCHIVE_MAX_AGE_MS: '100',
      DATAFLOW_ARCHIVE__TIMEOUT_MS: String(CALL_TIMEOUT_MS),
      DATAFLOW_ARCHIVE__CONCURRENCY: String(CONCURRENCY),
      DATAFLOW_ARCHIVE__RETRY__MAX_DELAY_MS: '100',
    },
  },
} as const;

suite('a silent sink', (it) => {
  const { test, long, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore', 'storage', 'bigquery'] });
  });
  afterEach(() => servers.sandbox.faults.clear());

  for (const [name, { part, method, env }] of Object.entries(SINKS)) {
    (name === 'bigqueries' ? test : long)(
      `of ${name} has at most one open socket per allowed call, however long it is silent`,
      async () => {
        const { sandbox } = servers;
        const proxied = scope.use(await startProxies(sandbox, 'mqtt://127.0.0.1:1'));
        const tested = await openService(scope, name === 'icestore' ? 'icestore' : 'bigqueries', {
          projectId: sandbox.projectId,
        });
        scope.defer(() => sandbox.applyEnv());
        Object.assign(process.env, proxied.env);
        const pipeline = await loadPipeline(builtInPipeline(name), {
          ...process.env,
          ...tested.resources.env,
          ...env,
          HTTP_PORT: '0',
          LOG_LEVEL: 'silent',
        });
        const service = await createPipelineService(pipeline);
        scope.defer(() => service.shutdown());
        await service.start();
        const fault = sandbox.faults.add({ server: part, method, stall: true });
        await tested.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: MESSAGES, ordered: false }).done;
        await eventually(() => assert.ok(fault.fired > CONCURRENCY, 'calls that are not answered'));
        const ends = performance.now() + SILENT_MS;
        let peak = 0;
        await eventually(
          () => {
            peak = Math.max(peak, proxied.proxies.get(part)?.connections ?? 0);
            assert.ok(performance.now() >= ends);
          },
          { deadlineMs: 2 * SILENT_MS, everyMs: 10 },
        );
        const megabytes = process.memoryUsage().rss / 1e6;
        console.log(`  ${name}: ${fault.fired} calls, at most ${peak} open sockets, ${megabytes.toFixed(0)} MB`);
        assert.ok(peak <= CONCURRENCY + SPARE_SOCKETS, `${peak} open sockets after ${fault.fired} calls`);
        fault.remove();
        await tested.arrival(MESSAGES);
      },
    );
  }
});
