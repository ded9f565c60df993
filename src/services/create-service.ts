import type { WatchFileOptions } from '../config/watch-file.ts';
import { type Pipeline, watchRoutes } from './pipeline.ts';
import type { Service } from './service.ts';

/**
 * Creates the service of a pipeline, with its hooks. An ingestion service follows changes of the file. Loads only the
 * modules of that service: all four take 14 to 32 MB more.
 */
export async function createPipelineService(
  { config, hooks, file }: Pipeline,
  watching: WatchFileOptions = {},
): Promise<Service<unknown>> {
  switch (config.service) {
    case 'ingestion': {
      const { createIngestion } = await import('./ingestion/ingestion.ts');
      const onPolled = (reason: Error) => service.telemetry.event('routes.polled', { error: reason.message });
      const service = createIngestion(config, {
        ...hooks,
        routeChanges: watchRoutes(file, process.env, { onPolled, ...watching }),
      });
      return service;
    }
    case 'enrich':
      return (await import('./enrich/enrich.ts')).createEnrich(config, hooks);
    case 'icestore':
      return (await import('./icestore/icestore.ts')).createIcestore(config, hooks);
    case 'bigqueries':
      return (await import('./bigqueries/bigqueries.ts')).createBigQueries(config, hooks);
  }
}
