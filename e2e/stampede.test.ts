import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { openServiceRig } from '../src/testing/service-rig.ts';
import { suite } from '../src/testing/suite.ts';

const MESSAGES = 10_000;
const MISSING_TTL_MS = 2_000;

suite('stampede', ({ test, before, after }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub', 'firestore', 'redis'] });
    sandbox.applyEnv();
  });
  after(() => sandbox.close());

  for (const redis of [true, false]) {
    test(`10,000 messages of one unknown device ask Firestore once per TTL, ${redis ? 'with' : 'without'} Redis`, async () => {
      const rig = await openServiceRig('enrich', {
        sandbox,
        devices: 1,
        env: {
          DEVICES_COLLECTION: 'nobody',
          DATAFLOW_LOOKUP__MISSING_TTL_MS: String(MISSING_TTL_MS),
          // A Redis that is not there: skipped.
          ...(redis ? {} : { REDIS_URL: 'redis://127.0.0.1:1' }),
        },
      });
      const service = await rig.start();
      // Counts the calls, and makes them slow enough for a crowd to gather.
      const reads = sandbox.faults.add({ server: 'firestore', method: 'BatchGetDocuments', latencyMs: 100 });
      const started = performance.now();
      try {
        // Without ordering keys: else one message would wait for the other anyway.
        await rig.load({ ratePerSecond: 3_000, count: MESSAGES, ordered: false }).done;
        await rig.arrival(MESSAGES);
        const elapsedMs = performance.now() - started;
        const metrics = await service.scrape();
        metrics.assertLedger();
        assert.is(metrics.value('dataflow_probe_total', { probe: 'enrich.missing' }) > 0, true);
        const bound = Math.ceil(elapsedMs / MISSING_TTL_MS);
        console.log(`  ${reads.matched} reads in ${(elapsedMs / 1_000).toFixed(1)} s`);
        assert.ok(reads.matched >= 1 && reads.matched <= bound, `${reads.matched} reads, at most ${bound}`);
        assert.is(await service.end(), 0);
      } finally {
        reads.remove();
        service.kill('SIGKILL');
        await rig.close();
      }
    });
  }
});
