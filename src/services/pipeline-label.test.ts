import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { createPipelineService, loadPipeline } from './pipeline.ts';

const PIPELINES = join(import.meta.dirname, '../../pipelines');
const ENV = {
  GOOGLE_CLOUD_PROJECT: 'p',
  MQTT_URL: 'mqtt://broker',
  ARCHIVE_BUCKET: 'archive',
  DATAFLOW_LOG__LEVEL: 'silent',
};

suite('createPipelineService', ({ test }) => {
  for (const name of ['ingestion', 'enrich', 'icestore', 'bigqueries']) {
    test(`${name}: the folder's name is the label "pipeline" of its metrics`, async () => {
      const pipeline = await loadPipeline(join(PIPELINES, name), ENV);
      const { telemetry } = await createPipelineService({ ...pipeline, file: '/pipelines/site-a/pipeline.yaml' });
      const metrics = await telemetry.registry.metrics();
      assert.match(metrics, `dataflow_messages_received_total{service="${name}",pipeline="site-a"} 0`);
    });
  }
});
