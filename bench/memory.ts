/**
 * Prints the peak resident memory and CPU time of each service with shipped defaults while it drains a backlog.
 *
 *     npm run bench:memory -- [rounds, 3] [services, all]
 */
import { runShipped } from './lib/run-shipped.ts';
import { SERVICES } from './lib/services.ts';
import { openStage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';

const MESSAGES = { ingestion: 300_000, enrich: 250_000, icestore: 150_000, bigqueries: 120_000 };
const DEVICES = 100;

const [rounds = '3', ...named] = process.argv.slice(2);
const services = SERVICES.filter((service) => named.length === 0 || named.includes(service));
const stage = await openStage();
try {
  console.log('service      peak MB  at start MB  CPU µs each  messages/s   (medians, and the highest peak)');
  for (const service of services) {
    const results = [];
    for (let round = 0; round < Number(rounds); round += 1) {
      results.push(await runShipped(stage, { service, messages: MESSAGES[service], devices: DEVICES }));
    }
    const peak = spread(results.map(({ peakRssMb }) => peakRssMb));
    const cells = [
      peak.median.toFixed(0).padStart(8),
      spread(results.map(({ peakAtStartMb }) => peakAtStartMb))
        .median.toFixed(0)
        .padStart(13),
      spread(results.map(({ cpuMicrosPerMessage }) => cpuMicrosPerMessage))
        .median.toFixed(1)
        .padStart(13),
      spread(results.map(({ rate }) => rate))
        .median.toFixed(0)
        .padStart(12),
      peak.max.toFixed(0).padStart(8),
    ];
    console.log(service.padEnd(12) + cells.join(''));
  }
} finally {
  await stage.close();
}
process.exit(0);
