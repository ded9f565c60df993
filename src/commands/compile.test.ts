import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { builtInPipeline, runCli, startCli } from '../testing/cli.ts';
import { pipelineFolder } from '../testing/pipeline-folder.ts';
import { suiteScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';

suite('compile', ({ test, before, after }) => {
  const scratch = pipelineFolder(suiteScope({ after }));
  const compiled = join(scratch.path, 'compiled');

  before(async () => {
    const { code, output } = await runCli(['compile'], { env: { NODE_COMPILE_CACHE: compiled } });
    assert.equal({ code, output }, { code: 0, output: '' });
  });

  for (const service of ['ingestion', 'enrich', 'icestore', 'bigqueries']) {
    test(`fills Node's cache, so that ${service} needs no type stripping`, async () => {
      const isStripping = 'console.log(process.moduleLoadList.some((name) => name.includes("amaro")))';
      const probe = `data:text/javascript,process.once("exit", () => ${isStripping})`;
      const start = async (cache: string) => {
        const child = await startCli(['run', builtInPipeline(service)], {
          env: {
            NODE_COMPILE_CACHE: cache,
            NODE_OPTIONS: `--import=${encodeURI(probe)}`,
            // The service keeps retrying.
            PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
            STORAGE_EMULATOR_HOST: 'http://127.0.0.1:1',
            BIGQUERY_EMULATOR_HOST: 'http://127.0.0.1:1',
            FIRESTORE_EMULATOR_HOST: '127.0.0.1:1',
            MQTT_URL: 'mqtt://127.0.0.1:1',
            GOOGLE_CLOUD_PROJECT: 'p',
            ARCHIVE_BUCKET: 'archive',
            HTTP_PORT: '0',
          },
          readyWhen: /"event":"service.waiting"/,
          readyWithinMs: 120_000,
        });
        await child.end('SIGTERM');
        return child;
      };
      const without = await start(join(scratch.path, `without-${service}`));
      assert.match(without.stdout, /^true$/m, without.output);
      const after = await start(compiled);
      assert.match(after.stdout, /^false$/m, after.output);
    });
  }
});
