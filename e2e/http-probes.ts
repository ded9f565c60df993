/**
 * A thread that probes one service as an orchestrator and Prometheus do. It says when it has its first answer, which
 * does not count: much of that time is the loading of this thread's own client. Then it goes on until it is told to end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { Scrape } from '../src/testing/scrape.ts';

export interface Probes {
  readonly count: number;
  /** Of `/readyz` and `/metrics`, one after the other. */
  readonly slowestMs: number;
  readonly peakRssMb: number;
}

const PAUSE_MS = 50;
const { url }: { url: string } = workerData;
let isEnded = false;
parentPort?.once('message', () => {
  isEnded = true;
});

/** As a kubelet asks: over a connection of its own. */
async function ask(path: string): Promise<string> {
  const response = await fetch(`${url}${path}`, { headers: { connection: 'close' } }).catch((error) => {
    throw new Error(`${path} failed: ${error.cause}`);
  });
  assert.is(response.status, 200, path);
  return response.text();
}

let count = 0;
let slowestMs = 0;
let peakRssMb = 0;
await ask('/readyz');
await ask('/metrics');
parentPort?.postMessage('probing');
while (!isEnded) {
  const started = performance.now();
  await ask('/readyz');
  const text = await ask('/metrics');
  slowestMs = Math.max(slowestMs, performance.now() - started);
  count += 1;
  const metrics = new Scrape(text);
  metrics.assertLedger();
  peakRssMb = Math.max(peakRssMb, metrics.value('process_resident_memory_bytes') / 1e6);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
parentPort?.postMessage({ count, slowestMs, peakRssMb } satisfies Probes);
