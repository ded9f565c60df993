import type { Sample } from './lib/meter.ts';
import type { GrowthCase } from './lib/report.ts';
import { type Run, runSubject } from './lib/run-subject.ts';
import type { Stage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';

const MILLION = 1_000_000;
/** Ends before a sample is taken: a separate run. */
const FEW = 1_000;
const UNIT = 'µs CPU each';
/** Below saturation, so that neither the backlog nor the server affects the result. */
const FEED_PER_SECOND = 25_000;
/** A million messages take most of a minute, in which the machine changes more than the service does. */
const ROUNDS = 3;

export interface Growth {
  readonly cases: GrowthCase[];
  readonly rss: { readonly at1e5: number; readonly at1e6: number };
  readonly samples: readonly Sample[];
}

/** Measures the cost per message against growing numbers of messages, batch keys, ordering keys and routes. */
export async function measureGrowth(stage: Stage, say: (text: string) => void): Promise<Growth> {
  const run = { service: 'enrich', by: 'ours' } as const;
  const millions: (readonly Sample[])[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    say(`growth: a million messages through enrich, round ${round} of ${ROUNDS}`);
    const { samples } = await runSubject(stage, {
      ...run,
      messages: MILLION,
      rate: FEED_PER_SECOND,
      takesLatency: false,
    });
    millions.push(samples);
  }
  const median = (of: (samples: readonly Sample[]) => number): number => spread(millions.map(of)).median;
  const few = await runSubject(stage, { ...run, messages: FEW });
  const cases: GrowthCase[] = [
    { what: 'messages', at: FEW, unit: UNIT, value: few.cpuMicrosPerMessage },
    ...[1e4, 1e5, 1e6].map((at) => ({
      what: 'messages',
      at,
      unit: UNIT,
      value: median((samples) => costBefore(samples, at)),
    })),
  ];
  const series = async (what: string, sizes: readonly number[], of: (size: number) => Run): Promise<void> => {
    const costs = sizes.map((): number[] => []);
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const [index, at] of sizes.entries()) {
        say(`growth: ${at} ${what}, round ${round} of ${ROUNDS}`);
        costs[index]?.push((await runSubject(stage, of(at))).cpuMicrosPerMessage);
      }
    }
    for (const [index, at] of sizes.entries()) {
      cases.push({ what, at, unit: UNIT, value: spread(costs[index] ?? []).median });
    }
  };
  await series('batch keys', [1, 10, 100, 1_000], (locations) => ({
    service: 'icestore',
    by: 'ours',
    messages: 30_000,
    locations,
  }));
  await series('ordering keys', [1, 10, 100, 1_000], (orderingKeys) => ({ ...run, messages: 30_000, orderingKeys }));
  await series('routes', [1, 10, 100], (routes) => ({
    service: 'ingestion',
    by: 'ours',
    messages: 60_000,
    task: { routes, maxInFlight: 1_000 },
  }));
  const rssBy = (count: number): number => median((samples) => rssAt(samples, count));
  return { cases, rss: { at1e5: rssBy(1e5), at1e6: rssBy(MILLION) }, samples: millions.at(-1) ?? [] };
}

/**
 * CPU time per message of the second half before a count. Measured from the last sample before that half to the first
 * one after it, because many messages may pass between two samples.
 */
function costBefore(samples: readonly Sample[], count: number): number {
  const from = samples.findLast(({ done }) => done <= count / 2);
  const to = samples.find(({ done }) => done >= count);
  if (from === undefined || to === undefined) throw new Error(`no samples around ${count} messages`);
  return (to.cpuMicros - from.cpuMicros) / (to.done - from.done);
}

function rssAt(samples: readonly Sample[], count: number): number {
  return samples.find(({ done }) => done >= count)?.rssMb ?? Number.NaN;
}
