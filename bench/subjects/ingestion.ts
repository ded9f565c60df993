/** Our ingestion service. */
import '../../src/v8-options.ts';
import { join } from 'node:path';
import { createIngestion } from '../../src/services/ingestion/ingestion.ts';
import { readPipelineConfig } from '../../src/services/pipeline.ts';
import { Meter } from '../lib/meter.ts';
import { mqttFilterOf, namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const config = readPipelineConfig(join(import.meta.dirname, '../../pipelines/ingestion'), {
  ...process.env,
  ...names.env,
  MQTT_CLIENT_ID: names.clientId,
  MQTT_PROTOCOL_VERSION: '5',
  RAW_TOPIC: names.output,
  DEAD_LETTER_TOPIC: names.deadLetters,
  DEAD_LETTER_SUBSCRIPTION: names.deadLetters,
});
if (config.service !== 'ingestion') throw new Error('pipelines/ingestion is not a pipeline of ingestion');
const routes = Object.fromEntries(
  Array.from({ length: own.routes }, (_, index) => [
    `route-${index}`,
    {
      source: { mqtt_topic: mqttFilterOf(own.runId, index), qos: 1 as const },
      destination: { route_name: 'raw' },
      device: { level: 4 },
    },
  ]),
);
const DEVICE = 'enrichmentData.DeviceID';
const orderingKey = typeof own.ordering === 'number' ? { path: DEVICE, buckets: own.ordering } : DEVICE;
const service = createIngestion({
  ...config,
  // Like the bare client: no order unless it is measured, and the id is created at receipt.
  id: undefined,
  routes,
  producers: { raw: { outputTopicId: names.output, ...(own.ordering === undefined ? {} : { orderingKey }) } },
  mqtt: { ...config.mqtt, maxInFlight: own.maxInFlight, ackOrder: own.ackOrder ?? 'strict' },
  publish: { ...config.publish, maxDelayMs: own.delayMs },
});
const meter = new Meter(own, () => service.credit.peakMessages);
service.probes.settled.subscribe(({ delivery }) => meter.settled(delivery.message));
await service.start();
await service.ready;
meter.ready();
