import { join } from 'node:path';
import { NODE_OPTIONS } from '../src/node-options.mjs';
import { startChild } from '../src/testing/child.ts';
import { type Measured, RESULT_PREFIX } from './lib/meter.ts';
import { DEFAULTS } from './lib/run-subject.ts';
import type { Stage } from './lib/stage.ts';
import { type Spread, spread } from './lib/statistics.ts';
import { namesOf, type Task } from './lib/task.ts';

/** Delay of each publish request, like that between a service and Pub/Sub in another region. */
const LATENCY_MS = 30;
const DEVICES = 1;
const ROUNDS = 3;

/** Measures dead letters per second of an icestore that can decode no message, with 30 ms per publish request. */
export async function measureDeadLetters(stage: Stage, isQuick: boolean, say: (text: string) => void): Promise<Spread> {
  const rates: number[] = [];
  const rounds = isQuick ? 1 : ROUNDS;
  for (let round = 1; round <= rounds; round += 1) {
    say(`dead letters, round ${round} of ${rounds}`);
    const messages = isQuick ? 20_000 : 100_000;
    const runId = await stage.newRun('icestore', DEVICES);
    await stage.fill(runId, 'icestore', { messages, size: 200, devices: DEVICES, isPoison: true });
    const removeLatency = await stage.delayPublish(
      namesOf({ runId, projectId: stage.projectId }).deadLetters,
      LATENCY_MS,
    );
    const task: Task = { ...DEFAULTS, runId, projectId: stage.projectId, messages, paced: false, delayMs: 0 };
    const file = join(import.meta.dirname, 'subjects/dead-letters.ts');
    const child = await startChild(process.execPath, [...NODE_OPTIONS, file, JSON.stringify(task)], {
      env: { ...process.env, ...stage.env },
    });
    await child.exited;
    await removeLatency();
    await stage.endRun(runId, 'icestore', DEVICES);
    const line = child.stdout.split('\n').find((text) => text.startsWith(RESULT_PREFIX));
    if (line === undefined) throw new Error(child.output);
    const measured: Measured = JSON.parse(line.slice(RESULT_PREFIX.length));
    rates.push(measured.rate);
  }
  return spread(rates);
}
