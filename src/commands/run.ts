import { flushCompileCache } from 'node:module';
import { ConfigError } from '../config/config-error.ts';
import { createPipelineService, loadPipeline } from '../services/pipeline.ts';
import { runService } from '../services/run-service.ts';
import { EXIT } from './exit-codes.ts';

/** `run <pipeline>`: runs one pipeline until SIGTERM, SIGINT or SIGHUP. A second signal exits immediately. */
export async function run(path = namedByEnv()): Promise<number> {
  if (path === undefined) {
    console.error('which pipeline? Name its folder, for example: run pipelines/ingestion, or set PIPELINE=ingestion');
    return EXIT.configurationRefused;
  }
  const pipeline = await loadPipeline(path).catch((thrown: unknown) => {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  });
  if (pipeline instanceof ConfigError) {
    console.error(pipeline.message);
    return EXIT.configurationRefused;
  }
  const service = await createPipelineService(pipeline);
  // Otherwise Node writes it at exit, which delays the shutdown.
  service.ready.then(flushCompileCache, () => {});
  return runService(service, pipeline.config.shutdown.deadlineMs);
}

/** Returns `pipelines/ingestion` for `PIPELINE=ingestion`, as set in a container. */
function namedByEnv(): string | undefined {
  const name = process.env.PIPELINE;
  return name === undefined || name === '' ? undefined : `pipelines/${name}`;
}
