import { join } from 'node:path';
import { NODE_OPTIONS } from '../src/node-options.mjs';
import { startChild } from '../src/testing/child.ts';
import { cpuSecondsOf } from './lib/cpu.ts';
import { READY_LINE } from './lib/meter.ts';
import { batchDelayMs, DEFAULTS } from './lib/run-subject.ts';
import { SERVICES } from './lib/services.ts';
import type { Stage } from './lib/stage.ts';
import type { Task } from './lib/task.ts';

const DEVICES = 1;
const CALM_MS = 3_000;
const WATCHED_MS = 10_000;

/** CPU time of each idle service, in percent of a core. All run at once, each in its own process. */
export async function measureIdle(stage: Stage, say: (text: string) => void): Promise<Record<string, number>> {
  say('idle services');
  const running = await Promise.all(
    SERVICES.map(async (service) => {
      const runId = await stage.newRun(service, DEVICES);
      const own = { runId, projectId: stage.projectId, messages: 1, paced: false, delayMs: batchDelayMs(service) };
      const task: Task = { ...DEFAULTS, ...own, devices: DEVICES };
      const file = join(import.meta.dirname, 'subjects', `${service}.ts`);
      const child = await startChild(process.execPath, [...NODE_OPTIONS, file, JSON.stringify(task)], {
        readyWhen: new RegExp(READY_LINE),
      });
      return { service, runId, child };
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, CALM_MS));
  const before = running.map(({ child }) => cpuSecondsOf(child.pid));
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  const percent = running.map(
    ({ child }, index) => ((cpuSecondsOf(child.pid) - (before[index] ?? 0)) / (WATCHED_MS / 1_000)) * 100,
  );
  for (const { service, runId, child } of running) {
    await child.end('SIGKILL');
    await stage.endRun(runId, service, DEVICES);
  }
  return Object.fromEntries(running.map(({ service }, index) => [service, percent[index] ?? Number.NaN]));
}
