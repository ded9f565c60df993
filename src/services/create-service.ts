import type { WatchFileOptions } from '../config/watch-file.ts';
import { createBigQueries } from './bigqueries/bigqueries.ts';
import { createEnrich } from './enrich/enrich.ts';
import { createIcestore } from './icestore/icestore.ts';
import { createIngestion } from './ingestion/ingestion.ts';
import { type Pipeline, watchRoutes } from './pipeline.ts';
import type { Service } from './service.ts';

/** The service that a pipeline describes, with its hooks in place. An ingestion follows changes of its file. */
export function createPipelineService(
  { config, hooks, file }: Pipeline,
  watching: WatchFileOptions = {},
): Service<unknown> {
  switch (config.service) {
    case 'ingestion': {
      const onPolled = (reason: Error) => service.telemetry.event('routes.polled', { error: reason.message });
      const service = createIngestion(config, {
        ...hooks,
        routeChanges: watchRoutes(file, process.env, { onPolled, ...watching }),
      });
      return service;
    }
    case 'enrich':
      return createEnrich(config, hooks);
    case 'icestore':
      return createIcestore(config, hooks);
    case 'bigqueries':
      return createBigQueries(config, hooks);
  }
}
