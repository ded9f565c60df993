import { join } from 'node:path';
import type { IcestoreConfig } from '../../src/services/icestore/config.ts';
import { readPipelineConfig } from '../../src/services/pipeline.ts';
import type { namesOf } from './task.ts';

/** Reads the shipped pipeline with the names of one run. */
export function icestoreConfig(names: ReturnType<typeof namesOf>): IcestoreConfig {
  const config = readPipelineConfig(join(import.meta.dirname, '../../pipelines/icestore'), {
    ...process.env,
    ...names.env,
    ICESTORE_SUBSCRIPTION: names.subscription,
    ARCHIVE_BUCKET: names.bucket,
    DEAD_LETTER_TOPIC: names.deadLetters,
    DEAD_LETTER_SUBSCRIPTION: names.deadLetters,
  });
  if (config.service !== 'icestore') throw new Error('pipelines/icestore is not an icestore');
  return config;
}
