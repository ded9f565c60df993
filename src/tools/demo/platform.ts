import type { DestinationStream } from 'pino';
import { createPipelineService, loadPipeline, type Pipeline } from '../../services/pipeline.ts';
import type { Service } from '../../services/service.ts';
import { isServiceOf, type ServiceName, type ServiceOf } from '../../services/services.ts';

/** The services of several pipelines, running in this process. */
export interface Platform {
  /** All of them, in the order of the data flow. */
  readonly all: readonly Service<unknown>[];
  /** Returns one of them, with its probes. */
  service<Name extends ServiceName>(name: Name): ServiceOf<Name>;
  shutdown(): Promise<number>;
}

export interface PlatformOptions {
  /** Folders of the pipelines, in the order of the data. */
  readonly pipelines: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly level: string;
  readonly destination?: DestinationStream;
  /** True if the enrich service has its Redis layer. */
  readonly redis: boolean;
  /** Ends the wait for services that are not ready: it rejects, and nothing is left running. */
  readonly signal?: AbortSignal;
}

/** Starts services from their pipelines, from the sinks towards the source, and waits until all are ready. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { pipelines, env, level, destination, redis, signal } = options;
  const telemetry = { level, ...(destination === undefined ? {} : { destination, format: 'json' as const }) };
  const all: Service<unknown>[] = [];
  for (const folder of pipelines) {
    const pipeline = await loadPipeline(folder, env);
    all.push(await createPipelineService(redis ? pipeline : withoutRedis(pipeline), { telemetry }));
  }
  const shutdown = async (): Promise<number> => {
    let abandoned = 0;
    for (const service of all) abandoned += (await service.shutdown()).abandoned;
    return abandoned;
  };
  const stop = () => void shutdown().catch(() => {});
  signal?.addEventListener('abort', stop);
  try {
    signal?.throwIfAborted();
    await Promise.all(all.toReversed().map((service) => service.start()));
    await Promise.all(all.map((service) => service.ready));
  } catch (thrown) {
    await shutdown();
    throw thrown;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  return {
    all,
    service: (name) => {
      for (const service of all) if (isServiceOf(service, name)) return service;
      throw new Error(`there is no ${name} among ${pipelines.join(', ')}`);
    },
    shutdown,
  };
}

function withoutRedis(pipeline: Pipeline): Pipeline {
  const { config } = pipeline;
  if (config.service !== 'enrich') return pipeline;
  const { redis: _, ...lookup } = config.lookup;
  return { ...pipeline, config: { ...config, lookup } };
}
