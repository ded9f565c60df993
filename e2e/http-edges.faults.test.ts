import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';
import type { Probes } from './http-probes.ts';

const MESSAGES = sized({ full: 6_000, short: 2_000 });
/** The server accepts 1,000 concurrent connections. */
const SLOW_CLIENTS = 1_500;
const RATE = 1_000;
/**
 * Kubernetes ends a container after this many late probes in a row (`timeoutSeconds`, `failureThreshold`: the
 * defaults).
 */
const PROBE_WITHIN_MS = 1_000;
const LATE_PROBES = 3;
/** Prometheus' default `scrape_timeout`. */
const SCRAPE_WITHIN_MS = 10_000;
const MAX_RSS_MB = 450;

/** Attacks a port from another thread, so that this one is not blocked. */
function attack(port: number) {
  const worker = new Worker(new URL('./http-attack.ts', import.meta.url), {
    workerData: { port, slowClients: SLOW_CLIENTS },
  });
  return {
    /** Counts by status line. */
    async answers(): Promise<ReadonlyMap<string, number>> {
      worker.postMessage('answers?');
      const [answers] = await once(worker, 'message');
      return answers;
    },
    stop: () => worker.terminate(),
  };
}

/** Probes from another thread: this one has the servers and the load, and would measure itself. */
async function probe(url: string) {
  const worker = new Worker(new URL('./http-probes.ts', import.meta.url), { workerData: { url } });
  await once(worker, 'message');
  const result = once(worker, 'message');
  result.catch(() => {
    // Reported by `end`.
  });
  return {
    async end(): Promise<Probes> {
      worker.postMessage('end');
      const [probes] = await result;
      return probes;
    },
    stop: () => worker.terminate(),
  };
}

const slowest = (tookMs: readonly number[]) => Math.round(Math.max(...tookMs));

/** Longest run of late probes. */
function longestLate(tookMs: readonly number[]): number {
  let longest = 0;
  let late = 0;
  for (const ms of tookMs) {
    late = ms > PROBE_WITHIN_MS ? late + 1 : 0;
    longest = Math.max(longest, late);
  }
  return longest;
}

suite('the HTTP port under attack', (it) => {
  const { test, before } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore', 'redis'] });
  });

  test('the pipeline is unaffected, and probes get responses', async () => {
    const tested = await openService(scope, 'enrich', { projectId: servers.sandbox.projectId });
    const service = await tested.start();
    const prober = await probe(service.url);
    scope.defer(prober.stop);
    const attacker = attack(Number(new URL(service.url).port));
    scope.defer(attacker.stop);
    assert.is(await tested.load({ ratePerSecond: RATE, count: MESSAGES }).done, MESSAGES);
    const probes = await prober.end();
    await tested.arrival(MESSAGES);
    const kinds = await attacker.answers();
    console.log(
      `  ${probes.readyMs.length} probes, the slowest took ${slowest(probes.readyMs)} ms, the slowest scrape ${slowest(probes.metricsMs)}; answers to the attack: ${Array.from(kinds, ([answer, times]) => `${times} × ${answer}`).join(', ')}`,
    );
    assert.ok(longestLate(probes.readyMs) < LATE_PROBES, `probes took ${probes.readyMs.map(Math.round)} ms`);
    assert.ok(slowest(probes.metricsMs) < SCRAPE_WITHIN_MS, `scrapes took ${probes.metricsMs.map(Math.round)} ms`);
    assert.ok(probes.peakRssMb < MAX_RSS_MB, `${probes.peakRssMb} MB`);
    assert.ok(kinds.has('HTTP/1.1 431'));
    assert.ok(kinds.has('HTTP/1.1 400'));
    await attacker.stop();
    const metrics = await service.scrape();
    metrics.assertLedger();
    assert.equal(await tested.sink(), { entries: MESSAGES, distinctIds: MESSAGES });
    assert.is(await service.end(), 0);
    assert.not.match(service.output, /"level":(50|60)/, 'no error is logged');
  });
});
