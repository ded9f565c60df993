import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { encodeEnvelope } from '../../formats/envelope/envelope.ts';
import { suite } from '../../testing/suite.ts';
import { Fleet } from '../load/fleet.ts';
import * as measured from './measured.ts';
import {
  billedBytes,
  envelopeBytes,
  peakMegabytes,
  sizeBigqueries,
  sizeEnrich,
  sizeIcestore,
  sizeIngestion,
  sizePlatform,
  type Workload,
} from './size.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = readFileSync(join(ROOT, 'docs/performance.md'), 'utf8');
const CONTAINER = readFileSync(join(ROOT, 'docs/container.md'), 'utf8');

const LOAD: Workload = {
  ...{ rate: 20_000, bytes: 200, devices: 2_000, order: 'buckets', buckets: 32, places: 4 },
  ...{ pubsubMs: 30, storageMs: 30, bigqueryMs: 30, lookupMs: 30, memoryMisses: 0, redisMisses: 0 },
};

/** Returns CPU time per message from a service's table in the page. */
function cpuOf(service: string, by: string): number {
  const table = PAGE.slice(PAGE.indexOf(`\n**${service}**\n`));
  const line = table.split('\n').find((one) => one.startsWith(`| ${by} |`)) ?? '';
  return Number.parseFloat(line.split('|')[3] ?? '');
}

/** Peak memory with other payloads and limits than the defaults, from "Memory" in the page. */
const OTHER_PEAKS = Array.from(PAGE.matchAll(/^\| (\w+) \| ([\d,]+) B \| ([\d,]+) \| (\d+) \|$/gm), (cells) => {
  const [bytes, inFlight, megabytes] = cells.slice(2).map((cell) => Number(cell.replaceAll(',', '')));
  const service = measured.SIZED_SERVICES.find((name) => name === cells[1]);
  if (service === undefined || bytes === undefined || inFlight === undefined || megabytes === undefined) {
    throw new Error(`not a row of peaks: ${cells[0]}`);
  }
  return { service, bytes, inFlight, megabytes };
});

suite('the size of services', ({ test }) => {
  test('uses the numbers of docs/performance.md', () => {
    for (const service of measured.SIZED_SERVICES) {
      assert.is(cpuOf(service, 'this project'), measured.CPU_MICROS[service].at200Bytes, service);
      assert.is(cpuOf(service, 'this project, 1 KiB'), measured.CPU_MICROS[service].at1KiB, service);
      const { inFlight, megabytes } = measured.PEAK_MEMORY[service];
      assert.match(PAGE, `\n| ${service} | ${inFlight.toLocaleString('en')} | ${megabytes} |\n`);
      assert.match(CONTAINER, new RegExp(`\\n\\| ${service} \\| \\d+ MB \\| ${megabytes} MB \\|`));
    }
    const cpu = cpuOf('enrich', 'this project');
    const redis = cpuOf('enrich', 'this project, Redis, no memory') - cpu;
    const firestore = cpuOf('enrich', 'this project, Firestore, no cache') - cpu;
    assert.ok(Math.abs(redis - measured.REDIS_MICROS) < 0.01, `Redis ${redis}`);
    assert.ok(Math.abs(firestore - measured.FIRESTORE_MICROS) < 0.01, `Firestore ${firestore}`);
    const objects = PAGE.split('\n').find((line) => line.startsWith('| three rounds, with other work running |')) ?? '';
    const [, , , micros = 0, lines = 0] = objects.split('|').map((cell) => Number.parseFloat(cell.replace(',', '')));
    const perObject = micros - lines * measured.CPU_MICROS.icestore.at200Bytes;
    assert.ok(Math.abs(perObject - measured.OBJECT_MICROS) < 5, `an object costs ${perObject} µs`);
  });

  test('gives the measured memory, and no container less', () => {
    assert.is(OTHER_PEAKS.length, 5);
    for (const { service, bytes, inFlight, megabytes } of OTHER_PEAKS) {
      const formula = peakMegabytes(service, inFlight, bytes);
      const share = formula / megabytes;
      // More than measured for bigqueries, whose rows replace the payloads.
      assert.ok(share > 0.9 && share < 1.25, `${service}, ${bytes} B: ${formula}, measured ${megabytes}`);
    }
    const platform = sizePlatform({ ...LOAD, bytes: 1_024 });
    for (const { service, bytes, megabytes } of OTHER_PEAKS) {
      if (bytes !== 1_024) continue;
      const limit = platform.find((sized) => sized.service === service)?.memoryMegabytes ?? 0;
      assert.ok(limit >= 1.1 * megabytes, service);
    }
  });

  test('counts an envelope like Pub/Sub', () => {
    const fleet = new Fleet({ devices: 100, seed: 1, runId: 'a1b2c3d4' });
    for (const { id, payload, deviceId, topic } of fleet.readings(20)) {
      const location = fleet.recordOf(deviceId).LocationID;
      const enrichmentData = { DeviceID: deviceId, location, name: 'client-1', serviceTag: 'climate' };
      const attributes = { mqtt_topic: topic, route_name: 'raw' };
      const publishTime = '2026-01-01T00:00:00.000Z';
      const data = encodeEnvelope({ id, payload, publishTime, attributes, enrichmentData });
      // Names and values, 20 bytes for the time, and an id of 17 digits: cloud.google.com/pubsub/pricing.
      const counted = data.length + Object.entries(attributes).join('').length + 20 + 17;
      const formula = envelopeBytes(payload.length);
      assert.ok(Math.abs(formula - counted) < 0.1 * counted, `${formula}, counted ${counted}`);
    }
  });

  test('states the effect of keys as in docs/ordering.md, and the gain of buckets', () => {
    const byDevice = { ...LOAD, order: 'device' } as const;
    const core = sizeIngestion({ ...byDevice, rate: 2_700 });
    assert.ok(core.cores > 0.9 && core.cores < 1.1, `${core.cores} cores for 2,700 messages a second`);
    assert.is(core.messagesPerRequest, 1);
    const many = sizeIngestion(byDevice);
    const few = sizeIngestion(LOAD);
    assert.ok(many.replicas >= 10 * few.replicas, `${many.replicas} replicas, with buckets ${few.replicas}`);
    assert.match(many.notes.join('\n'), "does not keep a device's order");
    assert.match(many.notes.join('\n'), 'orderingKey.buckets: 32');
    assert.equal(few.notes, []);
    // 2,000 devices with 20 messages per second each: during one request, its key collects half a message more.
    const dense = sizeIngestion({ ...byDevice, rate: 2_000 * 50 });
    assert.is(dense.messagesPerRequest, 2);
    assert.match(
      sizeIngestion({ ...LOAD, buckets: 2 }).notes.join('\n'),
      /2 keys are too few: Pub\/Sub accepts 1 MB\/s/,
    );
    assert.match(sizeEnrich({ ...LOAD, rate: 500_000, buckets: 2 }).notes.join('\n'), 'keep at most 2 replicas busy');
  });

  test('states the billed size of a request with one message', () => {
    const own = envelopeBytes(200);
    assert.ok(own < 1_000);
    assert.is(billedBytes(200, 1), 1_000);
    assert.is(billedBytes(200, 2), own);
    assert.is(billedBytes(2_000, 1), envelopeBytes(2_000));
    assert.match(
      sizeEnrich({ ...LOAD, order: 'device' }).notes.join('\n'),
      `bills 1000 bytes for each message of ${own}`,
    );
  });

  test('includes latency in every service: credit for messages and requests in flight, and more replicas if it is full', () => {
    const latencies = [1, 30, 300, 3_000, 30_000];
    const of = (ms: number): Workload => ({
      ...{ ...LOAD, order: 'none', pubsubMs: ms, storageMs: ms, bigqueryMs: ms, lookupMs: ms },
    });
    for (const sizeOf of [sizeIngestion, sizeEnrich, sizeIcestore, sizeBigqueries]) {
      const sizes = latencies.map((ms) => sizeOf(of(ms)));
      for (const [index, { service, replicas, settings, settleMs, requestsPerSecond }] of sizes.entries()) {
        const before = sizes[index - 1];
        assert.ok(settleMs >= (before?.settleMs ?? 0) && replicas >= (before?.replicas ?? 1), service);
        // Twice the average number (Little's law).
        const [inFlight = { value: 0 }, requests = { value: 0 }] = settings;
        const needed = (LOAD.rate * settleMs) / 1_000;
        assert.ok(
          inFlight.value * replicas >= 1.98 * needed,
          `${service}: ${inFlight.value} in flight, ${settleMs} ms`,
        );
        const underWay = (requestsPerSecond * (latencies[index] ?? 0)) / 1_000;
        assert.ok(requests.value * replicas >= 0.98 * underWay, `${service}: ${requests.value} requests at a time`);
      }
    }
    // With keys, a request holds the messages that arrived during the previous one: slower requests are larger and
    // fewer.
    const [quick, slower] = [1, 30].map((ms) => sizeIngestion({ ...LOAD, pubsubMs: ms }));
    assert.ok((quick?.requestsPerSecond ?? 0) > 3 * (slower?.requestsPerSecond ?? 0));
    const slow = sizeIngestion(of(30_000));
    assert.is(slow.boundBy, 'in flight');
    assert.is(slow.settings[0]?.value, 64_000);
    const uploads = sizeIcestore({ ...of(30_000), places: 1_000 });
    assert.ok(uploads.replicas > 1 && uploads.notes.length === 1);
  });

  test('grows with the rate, and plans with 60 % of a core', () => {
    let before = sizePlatform({ ...LOAD, rate: 100 });
    for (const rate of [1_000, 10_000, 100_000, 1_000_000]) {
      const now = sizePlatform({ ...LOAD, rate });
      for (const [index, one] of now.entries()) {
        assert.ok(one.replicas >= (before[index]?.replicas ?? 0), `${one.service} at ${rate}`);
        assert.ok(one.cores / one.replicas <= 0.65, `${one.service} at ${rate}: ${one.cores} cores in ${one.replicas}`);
      }
      before = now;
    }
    assert.ok(before.every(({ replicas }) => replicas > 10));
  });
});
