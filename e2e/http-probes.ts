/**
 * A thread that probes one service like an orchestrator and Prometheus. It reports its first response, which does not
 * count: it takes long, because the thread loads its client. Then it continues until it is ended.
 */
import { parentPort, workerData } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { Scrape } from '../src/testing/scrape.ts';

export interface Probes {
  /** Time of each `/readyz` in order. */
  readonly readyMs: readonly number[];
  /** Time of each `/metrics` in order. */
  readonly metricsMs: readonly number[];
  readonly peakRssMb: number;
}

const PAUSE_MS = 50;
const { url }: { url: string } = workerData;
let isEnded = false;
parentPort?.once('message', () => {
  isEnded = true;
});

/** Like a kubelet: with a new connection per request. */
async function ask(path: string): Promise<string> {
  const response = await fetch(`${url}${path}`, { headers: { connection: 'close' } }).catch((error) => {
    throw new Error(`${path} failed: ${error.cause}`);
  });
  assert.is(response.status, 200, path);
  return response.text();
}

async function timed(path: string, tookMs: number[]): Promise<string> {
  const started = performance.now();
  const text = await ask(path);
  tookMs.push(performance.now() - started);
  return text;
}

const readyMs: number[] = [];
const metricsMs: number[] = [];
let peakRssMb = 0;
await ask('/readyz');
await ask('/metrics');
parentPort?.postMessage('probing');
while (!isEnded) {
  await timed('/readyz', readyMs);
  const metrics = new Scrape(await timed('/metrics', metricsMs));
  metrics.assertLedger();
  peakRssMb = Math.max(peakRssMb, metrics.value('process_resident_memory_bytes') / 1e6);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
parentPort?.postMessage({ readyMs, metricsMs, peakRssMb } satisfies Probes);
