import type { LatencyCase } from './lib/report.ts';
import { type RunResult, runSubject } from './lib/run-subject.ts';
import { SERVICES } from './lib/services.ts';
import type { Stage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';

/** The service's default: with more in flight, a crash repeats more. */
const INGESTION_IN_FLIGHT = 1_000;
const SECONDS = 3;
const QUICK_SECONDS = 2;

/** Sends at a rate, and measures the time from sending to settlement of each message, including batch delays. */
export async function measureLatency(stage: Stage, isQuick: boolean, say: (text: string) => void) {
  const rates = isQuick ? [1_000] : [1_000, 10_000];
  const rounds = isQuick ? 1 : 5;
  const cases: LatencyCase[] = [];
  for (const service of SERVICES) {
    for (const ratePerSecond of rates) {
      const results = { ours: [] as RunResult[], bare: [] as RunResult[] };
      for (let round = 1; round <= rounds; round += 1) {
        for (const by of ['bare', 'ours'] as const) {
          say(`latency at ${ratePerSecond}/s, round ${round} of ${rounds}: ${service} ${by}`);
          const messages = ratePerSecond * (isQuick ? QUICK_SECONDS : SECONDS);
          const task = service === 'ingestion' ? { maxInFlight: INGESTION_IN_FLIGHT } : {};
          results[by].push(await runSubject(stage, { service, by, messages, rate: ratePerSecond, task }));
        }
      }
      for (const by of ['bare', 'ours'] as const) {
        const of = (name: 'p50' | 'p99' | 'p999') =>
          spread(results[by].map(({ latency }) => latency?.[name] ?? Number.NaN)).median;
        cases.push({
          service,
          by,
          ratePerSecond,
          rounds,
          latency: { p50: of('p50'), p99: of('p99'), p999: of('p999') },
          cpuMicrosPerMessage: spread(results[by].map((each) => each.cpuMicrosPerMessage)).median,
        });
      }
    }
  }
  return cases;
}
