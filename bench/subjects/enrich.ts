/** Our enrich service. */
import '../../src/v8-options.ts';
import { join } from 'node:path';
import { createEnrich } from '../../src/services/enrich/enrich.ts';
import { readPipelineConfig } from '../../src/services/pipeline.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const config = readPipelineConfig(join(import.meta.dirname, '../../pipelines/enrich'), {
  ...process.env,
  ...names.env,
  ENRICH_SUBSCRIPTION: names.subscription,
  ENRICHED_TOPIC: names.output,
  DEAD_LETTER_TOPIC: names.deadLetters,
  DEAD_LETTER_SUBSCRIPTION: names.deadLetters,
  DEVICES_COLLECTION: names.collection,
  REDIS_PREFIX: `${own.runId}:`,
});
if (config.service !== 'enrich') throw new Error('pipelines/enrich is not a pipeline of enrich');
const { memory, redis, firestore } = config.lookup;
const lookup = {
  ...config.lookup,
  memory: own.lookup === 'memory' ? memory : undefined,
  redis: own.lookup === 'redis' ? redis : undefined,
  firestore,
};
const service = createEnrich({
  ...config,
  lookup,
  // Like the bare client: with the ordering key of the received message.
  output: { topicId: config.output.topicId },
  source: { ...config.source, maxInFlight: own.maxInFlight },
  publish: { ...config.publish, maxDelayMs: own.delayMs },
});
const meter = new Meter(own, () => service.credit.peakMessages);
service.probes.settled.subscribe(({ delivery }) => meter.settled(delivery.message));
await service.start();
await service.ready;
meter.ready();
