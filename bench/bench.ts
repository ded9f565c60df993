/** `npm run bench`: see docs/performance.md. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startChild } from '../src/testing/child.ts';
import { comparison } from './lib/compare.ts';
import { pageOf } from './lib/page.ts';
import { type Report, summaryOf, throughputOf } from './lib/report.ts';
import { openStage } from './lib/stage.ts';
import { tablesOf } from './lib/tables.ts';
import { targetsOf } from './lib/targets.ts';
import { measureGrowth } from './measure-growth.ts';
import { measureIdle } from './measure-idle.ts';
import { measureInsert } from './measure-insert.ts';
import { measureLatency } from './measure-latency.ts';
import { measureSoak } from './measure-soak.ts';
import { measureThroughput } from './measure-throughput.ts';

const SOAK_SECONDS = 600;
/** So that nothing is collected while allocations are counted. */
const LARGE_HEAP = ['--expose-gc', '--max-semi-space-size=512', '--min-semi-space-size=512'];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    compare: { type: 'string' },
    only: { type: 'string' },
  },
});
const PARTS = ['operators', 'throughput', 'latency', 'insert', 'idle', 'growth'];
const only = options.only?.split(',') ?? PARTS;
if (only.some((part) => !PARTS.includes(part))) {
  console.error(`--only ${options.only}: expected some of ${PARTS.join(', ')}, with commas between them`);
  process.exit(2);
}
/** What a part measures; what it leaves behind if it was not asked for. */
async function part<T>(name: string, measure: () => Promise<T>, otherwise: T): Promise<T> {
  return only.includes(name) ? measure() : otherwise;
}

if (options.compare !== undefined && !existsSync(options.compare)) {
  console.error(`--compare ${options.compare}: there is no such file; saved runs are in bench/results`);
  process.exit(2);
}
const isQuick = options.quick;
const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);

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
  const idleCpuPercent = isQuick ? {} : await part<Report['idleCpuPercent']>('idle', () => measureIdle(stage, say), {});
  const growth = isQuick ? undefined : await part('growth', () => measureGrowth(stage, say), undefined);
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
    idleCpuPercent,
    growth: [...(growth?.cases ?? []), ...cacheGrowth],
    rss: growth?.rss,
    memory: growth?.samples ?? [],
    soak: options.soak ? await measureSoak(stage, { ratePerSecond: half, seconds: SOAK_SECONDS }, say) : undefined,
  };
  const report: Report = { ...measured, targets: targetsOf(measured) };
  console.log(tablesOf(report));
  if (options.compare !== undefined) console.log(comparison(report, options.compare));
  save(report);
  if (options.json) console.log(JSON.stringify(summaryOf(report)));
  if (!isQuick && options.only === undefined && report.targets.some(({ isMet }) => !isMet)) process.exitCode = 1;
} finally {
  await stage.close();
}

/** Under the day's date, numbered if there are more of one day; quick runs and single parts are only for looking. */
function save(report: Report): void {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const day = report.date.slice(0, 10);
  const passing = report.isQuick ? 'quick' : options.only === undefined ? undefined : 'part';
  const name =
    passing ??
    Array.from({ length: 100 }, (_, index) => (index === 0 ? day : `${day}.${index + 1}`)).find(
      (each) => !existsSync(join(folder, `${each}.json`)),
    );
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(folder, `${name}.html`), pageOf(report));
  say(`written: bench/results/${name}.json and bench/results/${name}.html`);
}
