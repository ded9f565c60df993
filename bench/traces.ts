/**
 * Prints what traces cost each service: CPU time per message without tracing, with one message of a hundred traced, and
 * with every message traced, in turn. The collector is this process.
 *
 *     npm run bench:traces -- [rounds, 5] [services, all]
 */
import { startOtlpCollector } from '../src/testing/otlp-collector.ts';
import { type Run, runSubject } from './lib/run-subject.ts';
import { SERVICES } from './lib/services.ts';
import { openStage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';

const MESSAGES = { ingestion: 250_000, enrich: 200_000, icestore: 80_000, bigqueries: 60_000 } as const;
const RATIOS = [undefined, 0.01, 1];

const [rounds = '5', ...named] = process.argv.slice(2);
const stage = await openStage();
const collector = await startOtlpCollector();
try {
  console.log(`CPU µs per message, median of ${rounds} rounds; in brackets, the median of the ratios of one round`);
  console.log('service      none     1 % of messages     all messages');
  for (const service of SERVICES.filter((each) => named.length === 0 || named.includes(each))) {
    const run: Run = { service, by: 'ours', messages: MESSAGES[service] };
    const cpu: number[][] = RATIOS.map(() => []);
    for (let round = 0; round < Number(rounds); round += 1) {
      for (const [index, ratio] of RATIOS.entries()) {
        if (ratio !== undefined) {
          process.env.DATAFLOW_TRACES__ENDPOINT = collector.url;
          process.env.DATAFLOW_TRACES__RATIO = String(ratio);
        }
        cpu[index]?.push((await runSubject(stage, run)).cpuMicrosPerMessage);
        delete process.env.DATAFLOW_TRACES__ENDPOINT;
        delete process.env.DATAFLOW_TRACES__RATIO;
        if (ratio === 1 && collector.spans.length === 0) throw new Error('the collector received no spans');
        collector.forget();
      }
    }
    const [none = [], ...others] = cpu;
    const cells = others.map((own) => {
      const ratio = spread(own.map((micros, index) => micros / (none[index] ?? 0))).median;
      return `${spread(own).median.toFixed(1)} (${ratio.toFixed(2)})`.padStart(19);
    });
    console.log(`${service.padEnd(11)}${spread(none).median.toFixed(1).padStart(6)}${cells.join('')}`);
  }
} finally {
  await collector.close();
  await stage.close();
}
process.exit(0);
