import { Writable } from 'node:stream';
import { type BigQueriesProbes, createBigQueries } from '../../../src/services/bigqueries/bigqueries.ts';
import { createEnrich, type EnrichProbes } from '../../../src/services/enrich/enrich.ts';
import { createIcestore, type IcestoreProbes } from '../../../src/services/icestore/icestore.ts';
import { createIngestion, type IngestionProbes } from '../../../src/services/ingestion/ingestion.ts';
import { loadPipeline, watchRoutes } from '../../../src/services/pipeline.ts';
import type { Service } from '../../../src/services/service.ts';

/** Each service, with the probes that it has. */
export interface ServiceByName {
  readonly ingestion: Service<IngestionProbes>;
  readonly enrich: Service<EnrichProbes>;
  readonly icestore: Service<IcestoreProbes>;
  readonly bigqueries: Service<BigQueriesProbes>;
}

/** The last lines that a service has logged, for a report of what went wrong. */
export class LastLines extends Writable {
  readonly lines: string[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.lines.push(String(chunk).trimEnd());
    if (this.lines.length > 10) this.lines.shift();
    done();
  }
}

/** Makes the service of a pipeline in this process, its configuration changed by the environment. */
export async function openService<Name extends keyof ServiceByName>(
  name: Name,
  path: string,
  env: NodeJS.ProcessEnv,
  destination: Writable,
): Promise<ServiceByName[Name]> {
  const { config, file } = await loadPipeline(path, env);
  const dependencies = { telemetry: { level: 'warn', destination } };
  const make: { [Kind in keyof ServiceByName]: () => ServiceByName[Kind] } = {
    ingestion: () => {
      if (config.service !== 'ingestion') throw new Error(`${path} is no ingestion`);
      return createIngestion(config, { ...dependencies, routeChanges: watchRoutes(file, env) });
    },
    enrich: () => {
      if (config.service !== 'enrich') throw new Error(`${path} is no enrich`);
      return createEnrich(config, dependencies);
    },
    icestore: () => {
      if (config.service !== 'icestore') throw new Error(`${path} is no icestore`);
      return createIcestore(config, dependencies);
    },
    bigqueries: () => {
      if (config.service !== 'bigqueries') throw new Error(`${path} is no bigqueries`);
      return createBigQueries(config, dependencies);
    },
  };
  return make[name]();
}
