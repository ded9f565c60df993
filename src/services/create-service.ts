import type { WatchFileOptions } from '../config/watch-file.ts';
import { type Pipeline, watchRoutes } from './pipeline.ts';
import type { Service } from './service.ts';

/**
 * The service that a pipeline describes, with its hooks in place. An ingestion follows changes of its file. Loads that
 * service alone: the clients of all four take 23 MB, and half a second to load.
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
