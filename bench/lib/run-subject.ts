import { join } from 'node:path';
import { NODE_OPTIONS } from '../../src/node-options.mjs';
import type { ServiceName } from '../../src/services/services.ts';
import { startChild } from '../../src/testing/child.ts';
import type { Load } from './load.ts';
import { BEGIN_LINE, type Measured, READY_LINE, RESULT_PREFIX } from './meter.ts';
import { profiling } from './profiling.ts';
import type { Implementation } from './services.ts';
import type { Stage } from './stage.ts';
import type { Task } from './task.ts';

export interface Run {
  readonly service: ServiceName;
  readonly by: Implementation;
  /** The difference from the standard case, for the name of a profile. */
  readonly variant?: string;
  readonly messages: number;
  /**
   * Additional messages after the measured ones, so that the last measured ones do not wait for an old batch. Default:
   * 0.
   */
  readonly surplus?: number;
  /** Payload bytes. */
  readonly size?: number;
  /** Messages per second. Default: from a backlog, as fast as possible. */
  readonly rate?: number;
  /** True to measure latencies. Default: true with a rate. */
  readonly takesLatency?: boolean;
  readonly task?: Partial<Task>;
  readonly orderingKeys?: number;
  readonly locations?: number;
  /** Gives each device its own MQTT topic. */
  readonly hasTopicPerDevice?: boolean;
  /** True to give a baseline the V8 options that our services set for themselves. */
  readonly withV8Options?: boolean;
}

export interface RunResult extends Measured {
  /** Share of one core that each process used, including the subject. */
  readonly utilizations: Readonly<Record<string, number>>;
  /** The busiest process, whether or not it was saturated. */
  readonly saturated: string;
}

/** Maximum age of a batch: 10 ms for a publish request, one second for an object or an insert. */
export const batchDelayMs = (service: ServiceName): number =>
  service === 'ingestion' || service === 'enrich' ? 10 : 1_000;

/** The options of subjects, also for measurements without `runSubject`. */
export const DEFAULTS: Omit<Task, 'runId' | 'projectId' | 'messages' | 'paced' | 'delayMs'> = {
  maxInFlight: 10_000,
  devices: 100,
  lookup: 'memory',
  publishes: true,
  routes: 1,
};

/** Runs one subject against the stage in its own process, and returns the subject's measurements. */
export async function runSubject(stage: Stage, run: Run): Promise<RunResult> {
  const { service, by, messages, surplus = 0, size = 200, rate, orderingKeys, locations, hasTopicPerDevice } = run;
  const settings = { ...DEFAULTS, delayMs: batchDelayMs(service), ...run.task };
  const { devices } = settings;
  const runId = await stage.newRun(service, devices);
  const load: Load = { messages: messages + surplus, size, devices, rate, orderingKeys, locations, hasTopicPerDevice };
  if (rate === undefined) await stage.fill(runId, service, load);
  const task: Task = {
    ...settings,
    runId,
    projectId: stage.projectId,
    messages,
    paced: run.takesLatency ?? rate !== undefined,
  };
  const file = join(import.meta.dirname, '../subjects', by === 'ours' ? `${service}.ts` : `${service}-${by}.ts`);
  let begun: { readonly at: number; readonly cpu: Record<string, number> } | undefined;
  let ended: { readonly at: number; readonly cpu: Record<string, number> } | undefined;
  const v8Options = run.withV8Options ? ['--import', join(import.meta.dirname, '../../src/v8-options.ts')] : [];
  const nodeOptions = by === 'ours' || run.withV8Options ? NODE_OPTIONS : [];
  const pace = rate === undefined ? undefined : `${rate}-a-second`;
  const profile = profiling([service, by, run.variant, `${size}B`, pace, runId]);
  const child = await startChild(
    process.execPath,
    [...profile, ...nodeOptions, ...v8Options, file, JSON.stringify(task)],
    {
      env: { ...process.env, ...stage.env },
      ...(rate === undefined ? {} : { readyWhen: new RegExp(READY_LINE) }),
      onOutput: (text) => {
        if (text.includes(BEGIN_LINE)) begun = { at: performance.now(), cpu: stage.cpuSeconds() };
        if (text.includes(RESULT_PREFIX)) ended = { at: performance.now(), cpu: stage.cpuSeconds() };
      },
    },
  );
  if (rate !== undefined) await stage.fill(runId, service, load);
  const patience = setTimeout(
    () => child.kill('SIGKILL'),
    120_000 + (rate === undefined ? 0 : (messages / rate) * 1_000),
  );
  const code = await child.exited;
  clearTimeout(patience);
  await stage.endRun(runId, service, devices);
  const line = child.stdout.split('\n').find((text) => text.startsWith(RESULT_PREFIX));
  if (code !== 0 || line === undefined) {
    throw new Error(`${service} (${by}) ended with ${code} and without a result:\n${child.output.slice(-2_000)}`);
  }
  const measured: Measured = JSON.parse(line.slice(RESULT_PREFIX.length));
  const utilizations: Record<string, number> = { [service]: measured.utilization };
  if (begun !== undefined && ended !== undefined) {
    const seconds = (ended.at - begun.at) / 1_000;
    for (const [name, cpu] of Object.entries(ended.cpu)) utilizations[name] = (cpu - (begun.cpu[name] ?? 0)) / seconds;
  }
  const [saturated = ''] = Object.entries(utilizations).reduce((most, each) => (each[1] > most[1] ? each : most));
  return { ...measured, utilizations, saturated };
}
