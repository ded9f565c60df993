import * as assert from 'uvu/assert';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';

const MESSAGES = sized({ full: 10_000, short: 3_000 });
const MISSING_TTL_MS = 2_000;

suite('stampede', (it) => {
  const { test, long, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore', 'redis'] });
  });
  afterEach(() => servers.sandbox.faults.clear());

  for (const redis of [true, false]) {
    const register = redis ? test : long;
    register(
      `${MESSAGES} messages of one unknown device read Firestore once per TTL, ${redis ? 'with' : 'without'} Redis`,
      async () => {
        const { sandbox } = servers;
        const tested = await openService(scope, 'enrich', {
          projectId: sandbox.projectId,
          devices: 1,
          env: {
            DEVICES_COLLECTION: 'nobody',
            DATAFLOW_LOOKUP__MISSING_TTL_MS: String(MISSING_TTL_MS),
            // An unreachable Redis is skipped.
            ...(redis ? {} : { REDIS_URL: 'redis://127.0.0.1:1' }),
          },
        });
        const service = await tested.start();
        // Counts the calls, and makes them slow enough for waiting lookups to accumulate.
        const reads = sandbox.faults.add({ server: 'firestore', method: 'BatchGetDocuments', latencyMs: 100 });
        const started = performance.now();
        // Without ordering keys: with them, one message would wait for the other anyway.
        await tested.load({ ratePerSecond: 3_000, count: MESSAGES, ordered: false }).done;
        await tested.arrival(MESSAGES);
        const elapsedMs = performance.now() - started;
        const metrics = await service.scrape();
        metrics.assertLedger();
        assert.is(metrics.value('dataflow_lookup_results_total', { layer: 'firestore', result: 'no_data' }) > 0, true);
        const bound = Math.ceil(elapsedMs / MISSING_TTL_MS);
        console.log(`  ${reads.matched} reads in ${(elapsedMs / 1_000).toFixed(1)} s`);
        assert.ok(reads.matched >= 1 && reads.matched <= bound, `${reads.matched} reads, at most ${bound}`);
        assert.is(await service.end(), 0);
      },
    );
  }
});
