/** `npm run bench`: see docs/performance.md. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../src/testing/child.ts';
import { comparison } from './lib/compare.ts';
import { optionsOf, type Part } from './lib/options.ts';
import { type Report, throughputOf } from './lib/report.ts';
import { save } from './lib/save.ts';
import { savedRun } from './lib/saved-run.ts';
import { openStage } from './lib/stage.ts';
import type { Spread } from './lib/statistics.ts';
import { summaryOf } from './lib/summary.ts';
import { tablesOf } from './lib/tables.ts';
import { targetsOf } from './lib/targets.ts';
import { orUsage } from './lib/usage-error.ts';
import { measureDeadLetters } from './measure-dead-letters.ts';
import { type Growth, measureGrowth } from './measure-growth.ts';
import { measureIdle } from './measure-idle.ts';
import { measureInsert } from './measure-insert.ts';
import { measureLatency } from './measure-latency.ts';
import { measureObjects } from './measure-objects.ts';
import { measureOrdered } from './measure-ordered.ts';
import { measureSoak } from './measure-soak.ts';
import { measureThroughput } from './measure-throughput.ts';

/** Prevents garbage collections while allocations are counted. */
const LARGE_HEAP = ['--expose-gc', '--max-semi-space-size=512', '--min-semi-space-size=512'];

const { options, before } = orUsage(() => {
  const asked = optionsOf(process.argv.slice(2));
  return { options: asked, before: asked.compare === undefined ? undefined : savedRun(asked.compare) };
});
const { isQuick } = options;
const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
/** Runs one part of the bench; returns the fallback if the part was not requested. */
async function part<T>(name: Part, measure: () => Promise<T>, otherwise: T): Promise<T> {
  return options.parts.includes(name) ? measure() : otherwise;
}

const { operators, growth: cacheGrowth } = await part<Pick<Report, 'operators' | 'growth'>>(
  'operators',
  async () => {
    say('operators');
    const file = join(import.meta.dirname, 'operators.ts');
    const child = await startChild(process.execPath, [...LARGE_HEAP, file, isQuick ? 'quick' : 'full']);
    if ((await child.exited) !== 0) throw new Error(child.output);
    return JSON.parse(child.stdout);
  },
  { operators: [], growth: [] },
);

const stage = await openStage();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stage.close().then(() => process.exit(130)));
}
try {
  const throughput = await part('throughput', () => measureThroughput(stage, isQuick, say), []);
  const latency = await part('latency', () => measureLatency(stage, isQuick, say), []);
  const insert = await part('insert', () => measureInsert(stage, isQuick, say), []);
  const deadLetterRate = await part<Spread | undefined>(
    'dead-letters',
    () => measureDeadLetters(stage, isQuick, say),
    undefined,
  );
  const ordered = await part<Report['ordered']>('ordered', () => measureOrdered(stage, isQuick, say), undefined);
  const objects = await part<Report['objects']>('objects', () => measureObjects(stage, isQuick, say), undefined);
  const idleCpuPercent = await part<Report['idleCpuPercent']>('idle', () => measureIdle(stage, say), {});
  const growth = await part<Growth | undefined>('growth', () => measureGrowth(stage, say), undefined);
  const half = Math.round((throughputOf({ throughput }, 'enrich', 'ours')?.rate.median ?? 0) / 2);
  const measured = {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    isQuick,
    operators,
    throughput,
    latency,
    insert,
    deadLetterRate,
    ordered,
    objects,
    idleCpuPercent,
    growth: [...(growth?.cases ?? []), ...cacheGrowth],
    rss: growth?.rss,
    memory: growth?.samples ?? [],
    soak:
      options.soakMinutes > 0
        ? await measureSoak(stage, { ratePerSecond: half, seconds: options.soakMinutes * 60 }, say)
        : undefined,
  };
  const report: Report = { ...measured, targets: targetsOf(measured) };
  // Save before rendering, which could fail.
  say(`written: ${save(report, options.isWhole && process.env.BENCH_PROFILE === undefined)}`);
  console.log(tablesOf(report));
  if (before !== undefined) console.log(comparison(report, before, options.compare ?? ''));
  if (options.json) console.log(JSON.stringify(summaryOf(report)));
  if (!isQuick && options.isWhole && report.targets.some(({ isMet }) => !isMet)) process.exitCode = 1;
} finally {
  await stage.close();
}
