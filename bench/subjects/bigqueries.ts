/** Our bigqueries service. */
import '../../src/v8-options.ts';
import { join } from 'node:path';
import { createBigQueries } from '../../src/services/bigqueries/bigqueries.ts';
import { readPipelineConfig } from '../../src/services/pipeline.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const config = readPipelineConfig(join(import.meta.dirname, '../../pipelines/bigqueries'), {
  ...process.env,
  ...names.env,
  BIGQUERY_SUBSCRIPTION: names.subscription,
  BIGQUERY_DATASET: names.dataset,
  BIGQUERY_TABLE: names.table,
  DEAD_LETTER_TOPIC: names.deadLetters,
  DEAD_LETTER_SUBSCRIPTION: names.deadLetters,
});
if (config.service !== 'bigqueries') throw new Error('pipelines/bigqueries is not a pipeline of bigqueries');
const service = createBigQueries({
  ...config,
  source: { ...config.source, maxInFlight: own.maxInFlight },
  insert: { ...config.insert, maxDelayMs: own.delayMs },
});
const meter = new Meter(own, () => service.credit.peakMessages);
service.probes.settled.subscribe(({ delivery }) => meter.settled(delivery.message));
await service.start();
await service.ready;
meter.ready();
