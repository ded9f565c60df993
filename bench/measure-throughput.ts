import { sharesOf } from './lib/busiest.ts';
import { DRAIN, type ThroughputCase } from './lib/report.ts';
import { type Run, type RunResult, runSubject } from './lib/run-subject.ts';
import type { Stage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';

const QUICK_PART = 2.5;
const QUICK_MOST = { ours: 40_000, bare: 40_000, plain: 10_000 };
/** Enough for the compiler to finish: with 100,000 messages, one of ingestion cost 16 µs, with 400,000 it cost 13. */
const INGESTION_MESSAGES = 400_000;
const ENRICH_MESSAGES = 300_000;
const LARGE_MOST = 120_000;

const STANDARD: readonly Run[] = [
  {
    service: 'ingestion',
    by: 'bare',
    variant: DRAIN,
    messages: INGESTION_MESSAGES,
    task: { publishes: false },
  },
  { service: 'ingestion', by: 'ours', messages: INGESTION_MESSAGES, task: { maxInFlight: 1_000 } },
  { service: 'ingestion', by: 'bare', messages: INGESTION_MESSAGES },
  { service: 'ingestion', by: 'plain', messages: 100_000 },
  { service: 'enrich', by: 'bare', messages: ENRICH_MESSAGES },
  { service: 'enrich', by: 'ours', messages: ENRICH_MESSAGES },
  { service: 'enrich', by: 'plain', messages: 40_000 },
  { service: 'icestore', by: 'bare', messages: 80_000 },
  { service: 'icestore', by: 'ours', messages: 80_000 },
  { service: 'icestore', by: 'plain', messages: 30_000 },
  { service: 'bigqueries', by: 'bare', messages: 60_000 },
  { service: 'bigqueries', by: 'ours', messages: 60_000 },
  { service: 'bigqueries', by: 'plain', messages: 30_000 },
];

const FURTHER: readonly Run[] = [
  ...STANDARD.filter(({ by }) => by !== 'plain').map((each) => ({
    ...each,
    size: 1_024,
    messages: Math.min(each.messages / 2, LARGE_MOST),
  })),
  {
    service: 'enrich',
    by: 'ours',
    variant: 'Redis, no memory',
    messages: 40_000,
    task: { lookup: 'redis', devices: 20_000 },
  },
  {
    service: 'enrich',
    by: 'ours',
    variant: 'Firestore, no cache',
    messages: 40_000,
    task: { lookup: 'firestore', devices: 20_000 },
  },
  { service: 'ingestion', by: 'ours', variant: '10,000 in flight', messages: INGESTION_MESSAGES },
  {
    service: 'ingestion',
    by: 'bare',
    variant: '1,000 in flight',
    messages: INGESTION_MESSAGES,
    task: { maxInFlight: 1_000 },
  },
  { service: 'enrich', by: 'bare', variant: 'with our V8 options', messages: ENRICH_MESSAGES, withV8Options: true },
  { service: 'enrich', by: 'ours', variant: '1,000 in flight', messages: 80_000, task: { maxInFlight: 1_000 } },
  { service: 'icestore', by: 'ours', variant: '1,000 in flight', messages: 60_000, task: { maxInFlight: 1_000 } },
  { service: 'bigqueries', by: 'ours', variant: '1,000 in flight', messages: 60_000, task: { maxInFlight: 1_000 } },
];

/**
 * Drains backlogs with the implementations of a service in turn, round by round, so that changes of the machine affect
 * all of them.
 */
export async function measureThroughput(stage: Stage, isQuick: boolean, say: (text: string) => void) {
  const cases = isQuick
    ? STANDARD.map((each) => ({ ...each, messages: Math.min(each.messages / QUICK_PART, QUICK_MOST[each.by]) }))
    : [...STANDARD, ...FURTHER];
  const rounds = isQuick ? 1 : 5;
  const results = new Map<Run, RunResult[]>(cases.map((each) => [each, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const each of cases) {
      say(`throughput, round ${round} of ${rounds}: ${each.service} ${each.by} ${each.variant ?? ''}`);
      results.get(each)?.push(await runSubject(stage, each));
    }
  }
  return Array.from(
    results,
    ([{ service, by, variant = '', size = 200 }, own]): ThroughputCase => ({
      service,
      by,
      variant,
      payloadBytes: size,
      rate: spread(own.map((each) => each.rate)),
      cpuMicrosPerMessage: spread(own.map((each) => each.cpuMicrosPerMessage)),
      peakRssMb: spread(own.map((each) => each.peakRssMb)).median,
      maxInFlight:
        own[0]?.maxInFlight === undefined ? undefined : Math.max(...own.map((each) => each.maxInFlight ?? 0)),
      saturated: mostCommon(own.map((each) => each.saturated)),
      utilizations: sharesOf(own),
    }),
  );
}

function mostCommon(names: readonly string[]): string {
  const groups = Array.from(Map.groupBy(names, (name) => name)).sort((one, other) => other[1].length - one[1].length);
  return groups[0]?.[0] ?? '';
}
