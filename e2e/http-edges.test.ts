import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { eventually } from '../src/testing/eventually.ts';
import { openServiceRig } from '../src/testing/service-rig.ts';
import { suite } from '../src/testing/suite.ts';

const MESSAGES = 6_000;
const RATE = 1_000;
const PROBE_WITHIN_MS = 2_000;
const MAX_RSS_MB = 450;

/** Attacks a port from a thread of its own, so that probes measure the service, and not the load of this thread. */
function attack(port: number) {
  const worker = new Worker(new URL('./http-attack.ts', import.meta.url), { workerData: { port } });
  return {
    /** How often each status line came back. */
    async answers(): Promise<ReadonlyMap<string, number>> {
      worker.postMessage('answers?');
      const [answers] = await once(worker, 'message');
      return answers;
    },
    stop: () => worker.terminate(),
  };
}

suite('the HTTP port under attack', ({ test, before, after }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub', 'firestore', 'redis'] });
    sandbox.applyEnv();
  });
  after(() => sandbox.close());

  test('the pipeline does not notice, and probes are answered', async () => {
    const rig = await openServiceRig('enrich', { sandbox });
    const service = await rig.start();
    const attacker = attack(Number(new URL(service.url).port));
    try {
      const load = rig.load({ ratePerSecond: RATE, count: MESSAGES });
      let isDone = false;
      const done = load.done.then((published) => {
        isDone = true;
        return published;
      });
      let slowestMs = 0;
      let probes = 0;
      while (!isDone) {
        const started = performance.now();
        // As a kubelet asks: over a connection of its own.
        const { status } = await fetch(`${service.url}/readyz`, { headers: { connection: 'close' } }).catch((error) => {
          throw new Error(`a probe failed: ${error.cause}`);
        });
        assert.is(status, 200);
        const metrics = await service.scrape();
        metrics.assertLedger();
        assert.ok(metrics.value('process_resident_memory_bytes') / 1e6 < MAX_RSS_MB);
        slowestMs = Math.max(slowestMs, performance.now() - started);
        probes += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.is(await done, MESSAGES);
      await eventually(async () => assert.is((await rig.sink()).distinctIds, MESSAGES));
      const kinds = await attacker.answers();
      console.log(
        `  ${probes} probes, the slowest took ${slowestMs.toFixed(0)} ms; answers to the attack: ${Array.from(kinds, ([answer, times]) => `${times} × ${answer}`).join(', ')}`,
      );
      assert.ok(slowestMs < PROBE_WITHIN_MS, `a probe took ${slowestMs} ms`);
      assert.ok(kinds.has('HTTP/1.1 431'));
      assert.ok(kinds.has('HTTP/1.1 400'));
      await attacker.stop();
      const metrics = await service.scrape();
      metrics.assertLedger();
      assert.equal(await rig.sink(), { entries: MESSAGES, distinctIds: MESSAGES });
      assert.is(await service.end(), 0);
      assert.not.match(service.output, /"level":(50|60)/, 'no error is logged');
    } finally {
      await attacker.stop();
      service.kill('SIGKILL');
      await rig.close();
    }
  });
});
