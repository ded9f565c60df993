import { flushCompileCache } from 'node:module';
import { ConfigError } from '../config/config-error.ts';
import { toError } from '../core/errors.ts';
import { createPipelineService, loadPipeline } from '../services/pipeline.ts';
import { EXIT } from './exit-codes.ts';
import { onSignal } from './signals.ts';

/** After the deadline of the shutdown: the process ends, whatever a client or a hook is waiting for. */
const LAST_RESORT_MS = 1_700;

/** `run <pipeline>`: runs one pipeline until SIGTERM, SIGINT or SIGHUP. A second signal ends at once. */
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
  const signalled = new Promise<void>((resolve) => {
    onSignal(() => {
      setTimeout(() => process.exit(EXIT.failed), pipeline.config.shutdown.deadlineMs + LAST_RESORT_MS).unref();
      resolve();
    });
  });
  const failed = service.ended.then(
    () => undefined,
    (thrown: unknown) => toError(thrown),
  );
  service.start().then(
    () => {
      service.telemetry.log.info({ url: service.url }, 'health and metrics');
      // Else Node writes it at exit, which takes time of the shutdown.
      flushCompileCache();
    },
    () => {},
  );
  const problem = await Promise.race([signalled, failed]);
  const { abandoned } = await service.shutdown();
  if (problem !== undefined) console.error(problem.message);
  return problem === undefined && abandoned === 0 ? EXIT.clean : EXIT.failed;
}

/** In a container, `PIPELINE=ingestion` stands for `pipelines/ingestion`. */
function namedByEnv(): string | undefined {
  const name = process.env.PIPELINE;
  return name === undefined || name === '' ? undefined : `pipelines/${name}`;
}
