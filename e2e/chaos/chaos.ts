/**
 * Runs the platform for a long time under every fault: services are killed and frozen, servers disappear, responses are
 * lost, the clock is set, and nothing reads the log, while readings keep arriving. All devices count alike, with ids
 * above 2^53, so that only the topic distinguishes their readings. Fails unless, at the end, each reading is in
 * BigQuery and in Cloud Storage, with its topic and every digit.
 *
 *     npm run chaos -- [--messages 1000000] [--kills 100] [--seed <n>] [--every <ms>]
 *
 * The same seed gives the same faults in the same order.
 */
import { Command, InvalidArgumentError } from 'commander';
import { eventually } from '../../src/testing/eventually.ts';
import type { Load } from '../../src/testing/load.ts';
import { countRows } from '../../src/tools/demo/sink-counts.ts';
import { compare, lineContents, publishedContents, rowContents } from './contents.ts';
import { type Mischief, mischiefBy } from './mischief.ts';
import { openPlayground } from './playground.ts';

const wholeNumber = (text: string): number => {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number.');
};

const { messages, kills, seed, every } = new Command('npm run chaos --')
  .description('Injects faults into the platform, by a seed, and compares arrived with sent readings.')
  .option('--messages <n>', 'readings to publish, at least', wholeNumber, 1_000_000)
  .option('--kills <n>', 'kill -9 of services', wholeNumber, 100)
  .option('--seed <n>', 'the same seed lets the same things go wrong; default: another one each time', wholeNumber)
  .option('--every <ms>', 'time between two that go wrong', wholeNumber, 1_500)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ messages: number; kills: number; seed?: number; every: number }>();

const RATE = 2_500;
/** The most readings in flight through the platform. Above it, the load waits. */
const MAX_BACKLOG = 100_000;
const DRAIN_MS = 300_000;
const REPORT_MS = 10_000;

async function chaos(messages: number, kills: number, seed: number, everyMs: number): Promise<number> {
  console.log(`seed ${seed}: ${messages.toLocaleString('en')} readings, ${kills} kills`);
  const started = performance.now();
  const playground = await openPlayground(seed);
  const { run } = playground;
  const { resources, fleet } = run;
  const injected = new Map<Mischief['kind'], number>();
  const count = (kind: Mischief['kind']) => injected.get(kind) ?? 0;
  let published = 0;
  let report: NodeJS.Timeout | undefined;
  try {
    const rows = async () => (await countRows(resources)).entries;
    const all = fleet.readings(1_000_000_000);
    // Leaving a loop early would end the generator, which the next load continues.
    const readings = { [Symbol.iterator]: () => ({ next: () => all.next() }) };
    let load: Load | undefined;
    const begin = () => {
      load = run.load({ ratePerSecond: RATE, readings });
    };
    const pause = async () => {
      published += (await load?.stop()) ?? 0;
      load = undefined;
    };
    const publishedNow = () => published + (load?.published ?? 0);
    begin();
    report = setInterval(async () => {
      const seconds = (performance.now() - started) / 1_000;
      const total = Array.from(injected.values()).reduce((sum, each) => sum + each, 0);
      console.log(
        `${seconds.toFixed(0)} s: ${publishedNow().toLocaleString('en')} published, ${(await rows()).toLocaleString('en')} rows, ${count('kill -9')} kills, ${total} faults`,
      );
    }, REPORT_MS);
    for (const mischief of mischiefBy(seed)) {
      if (publishedNow() >= messages && count('kill -9') >= kills) break;
      if (count('kill -9') >= kills && mischief.kind === 'kill -9') continue;
      await playground.perform(mischief);
      injected.set(mischief.kind, count(mischief.kind) + 1);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      if (publishedNow() - (await rows()) < MAX_BACKLOG) continue;
      await pause();
      await eventually(
        async () => {
          if (published - (await rows()) > MAX_BACKLOG / 2) throw new Error('the backlog does not shrink');
        },
        { deadlineMs: DRAIN_MS, everyMs: 500 },
      );
      begin();
    }
    await pause();
    playground.clearFaults();
    const expected = publishedContents(fleet.readings(published));
    const compareSinks = async () => ({
      rows: compare(expected, await rowContents(resources)),
      lines: compare(expected, await lineContents(resources)),
    });
    const sinks = await eventually(
      async () => {
        const found = await compareSinks();
        if (found.rows.lost + found.lines.lost > 0) {
          throw new Error(`${published} published, found ${JSON.stringify(found)}`);
        }
        return found;
      },
      { deadlineMs: DRAIN_MS, everyMs: 3_000 },
    ).catch((error: Error) => {
      console.error(error.message);
      return compareSinks();
    });
    clearInterval(report);
    const ends = await playground.finish();
    const faultyEnds = ends.filter(({ code }) => code !== 0);
    for (const { metrics } of ends) metrics.assertLedger();
    printTable([
      ['injected', 'times', 'survived'],
      ...Array.from(injected, ([kind, times]) => [kind, times, times] as const),
    ]);
    printTable([
      ['sink', 'published', 'arrived', 'lost', 'duplicated', 'changed'],
      ...(['rows', 'lines'] as const).map((sink) => {
        const { entries, arrived, lost, strange } = sinks[sink];
        const name = sink === 'rows' ? 'BigQuery' : 'Cloud Storage';
        return [name, published, arrived, lost, entries - arrived - strange, strange] as const;
      }),
    ]);
    printTable([
      ['service', 'peak memory, MB'],
      ...Array.from(playground.peakMegabytes, ([service, peak]) => [service, Math.round(peak)] as const),
    ]);
    const wrong = Object.values(sinks).reduce((sum, { lost, strange }) => sum + lost + strange, 0);
    const seconds = (performance.now() - started) / 1_000;
    console.log(`\n${seconds.toFixed(0)} s, broker: ${playground.broker}, seed ${seed}`);
    for (const { name, code } of faultyEnds) console.error(`${name} ended with ${code}`);
    return wrong === 0 && faultyEnds.length === 0 ? 0 : 1;
  } finally {
    clearInterval(report);
    await playground.close();
  }
}

/** A table in Markdown, aligned. */
function printTable(rows: readonly (readonly (string | number)[])[]): void {
  const texts = rows.map((row) => row.map((cell) => cell.toLocaleString('en')));
  const widths = (texts[0] ?? []).map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const [head = [], ...body] = texts;
  console.log(`\n${line(head)}`);
  console.log(
    `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`,
  );
  for (const row of body) console.log(line(row));
}

process.exitCode = await chaos(messages, kills, seed ?? Date.now() % 1_000_000, every);
setTimeout(() => process.exit(), 1_000).unref();
