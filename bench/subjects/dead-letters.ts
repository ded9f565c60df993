/** Our icestore service, whose messages all become dead letters. */
import '../../src/v8-options.ts';
import { join } from 'node:path';
import { createIcestore } from '../../src/services/icestore/icestore.ts';
import { readPipelineConfig } from '../../src/services/pipeline.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const config = readPipelineConfig(join(import.meta.dirname, '../../pipelines/icestore'), {
  ...process.env,
  ...names.env,
  ICESTORE_SUBSCRIPTION: names.subscription,
  ARCHIVE_BUCKET: names.bucket,
  DEAD_LETTER_TOPIC: names.deadLetters,
  DEAD_LETTER_SUBSCRIPTION: names.deadLetters,
});
if (config.service !== 'icestore') throw new Error('pipelines/icestore is not an icestore');
const service = createIcestore(config);
const meter = new Meter(own);
const nothing = { payload: Buffer.alloc(0) };
service.probes.deadLettered.subscribe(() => meter.settled(nothing));
await service.start();
