import type { ServiceName } from '../../src/services/services.ts';
import { startChild } from '../../src/testing/child.ts';
import { builtInPipeline, LAUNCH } from '../../src/testing/cli.ts';
import { eventually } from '../../src/testing/eventually.ts';
import { peakMegabytes } from '../../src/testing/peak-megabytes.ts';
import { Scrape } from '../../src/testing/scrape.ts';
import { cpuSecondsOf } from './cpu.ts';
import type { Stage } from './stage.ts';
import { mqttFilterOf, namesOf } from './task.ts';

const POLL_MS = 250;
/**
 * The first part of a run warms up the compiler and the connections. The last part waits for batches that are not full.
 */
const MEASURED = { from: 0.25, to: 0.95 };

export interface ShippedRun {
  readonly service: ServiceName;
  readonly messages: number;
  readonly devices: number;
  /** Payload bytes. Default: 200. */
  readonly size?: number;
}

/** CPU time and memory of a service that drained a backlog. */
export interface ShippedResult {
  readonly peakRssMb: number;
  /** The same values at the service's start. */
  readonly peakAtStartMb: number;
  readonly rate: number;
  readonly cpuMicrosPerMessage: number;
}

/** Drains a backlog with the shipped pipeline and the shipped command line, in a process like that of a container. */
export async function runShipped(
  stage: Stage,
  { service, messages, devices, size = 200 }: ShippedRun,
): Promise<ShippedResult> {
  const runId = await stage.newRun(service, devices);
  const names = namesOf({ runId, projectId: stage.projectId });
  await stage.fill(runId, service, { messages, size, devices, hasTopicPerDevice: true });
  const filter = mqttFilterOf(runId, 0);
  const child = await startChild(process.execPath, [LAUNCH, 'run', builtInPipeline(service)], {
    env: {
      ...process.env,
      ...stage.env,
      ...names.env,
      LOG_LEVEL: 'info',
      MQTT_CLIENT_ID: names.clientId,
      MQTT_TOPIC: filter,
      MQTT_DEVICE_TOPIC: filter.replace('+', '{DeviceID}'),
      RAW_TOPIC: names.output,
      ENRICHED_TOPIC: names.output,
      ENRICH_SUBSCRIPTION: names.subscription,
      ICESTORE_SUBSCRIPTION: names.subscription,
      BIGQUERY_SUBSCRIPTION: names.subscription,
      DEVICES_COLLECTION: names.collection,
      REDIS_PREFIX: `${runId}:`,
      ARCHIVE_BUCKET: names.bucket,
      BIGQUERY_DATASET: names.dataset,
      BIGQUERY_TABLE: names.table,
      DEAD_LETTER_TOPIC: names.deadLetters,
      DEAD_LETTER_SUBSCRIPTION: names.deadLetters,
    },
    readyWhen: /"url":"http:/,
    readyWithinMs: 120_000,
  });
  const peakAtStartMb = peakMegabytes(child.pid);
  const url = /"url":"(http:[^"]+)"/.exec(child.output)?.[1] ?? '';
  const look = async () => {
    // A connection of an earlier service to the same port may remain, and is reset.
    const text = await eventually(async () => (await fetch(`${url}/metrics`)).text(), { deadlineMs: 30_000 });
    const scrape = new Scrape(text);
    return { done: scrape.settled('acked'), cpu: cpuSecondsOf(child.pid), at: performance.now() };
  };
  let begun = await look();
  let ended = begun;
  while (ended.done < messages * MEASURED.to) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    ended = await look();
    if (ended.done < messages * MEASURED.from) begun = ended;
  }
  const peakRssMb = peakMegabytes(child.pid);
  await child.end('SIGKILL');
  await stage.endRun(runId, service, devices);
  const done = ended.done - begun.done;
  return {
    peakRssMb,
    peakAtStartMb,
    rate: (done / (ended.at - begun.at)) * 1_000,
    cpuMicrosPerMessage: ((ended.cpu - begun.cpu) * 1e6) / done,
  };
}
