import { join } from 'node:path';
import type { DestinationStream } from 'pino';
import { type BigQueriesProbes, createBigQueries } from '../../services/bigqueries/bigqueries.ts';
import { createEnrich, type EnrichProbes } from '../../services/enrich/enrich.ts';
import { createIcestore, type IcestoreProbes } from '../../services/icestore/icestore.ts';
import { createIngestion, type IngestionProbes } from '../../services/ingestion/ingestion.ts';
import { readPipelineConfig } from '../../services/pipeline.ts';
import type { Service } from '../../services/service.ts';

/** The four services, running in this process. */
export interface Platform {
  readonly ingestion: Service<IngestionProbes>;
  readonly enrich: Service<EnrichProbes>;
  readonly icestore: Service<IcestoreProbes>;
  readonly bigqueries: Service<BigQueriesProbes>;
  readonly all: readonly Service<unknown>[];
  shutdown(): Promise<number>;
}

export interface PlatformOptions {
  /** Folder with the four pipelines. */
  readonly pipelines: string;
  readonly env: NodeJS.ProcessEnv;
  readonly level: string;
  readonly destination?: DestinationStream;
  /** Whether the enrich service has its Redis layer. */
  readonly redis: boolean;
}

/** Starts the four services from their pipelines, from the sinks towards the source, and waits until all are ready. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { pipelines, env, level, destination } = options;
  const telemetry = { telemetry: { level, ...(destination === undefined ? {} : { destination }) } };
  const read = (name: string) => readPipelineConfig(join(pipelines, name), env);
  const configs = [read('ingestion'), read('enrich'), read('icestore'), read('bigqueries')] as const;
  const [ingest, enrichment, archive, insert] = configs;
  if (
    ingest.service !== 'ingestion' ||
    enrichment.service !== 'enrich' ||
    archive.service !== 'icestore' ||
    insert.service !== 'bigqueries'
  ) {
    throw new Error(`the pipelines in ${pipelines} are not those of the four services`);
  }
  const { redis, ...lookupWithoutRedis } = enrichment.lookup;
  const ingestion = createIngestion(ingest, telemetry);
  const enrich = createEnrich(
    { ...enrichment, lookup: options.redis ? { ...lookupWithoutRedis, redis } : lookupWithoutRedis },
    telemetry,
  );
  const icestore = createIcestore(archive, telemetry);
  const bigqueries = createBigQueries(insert, telemetry);
  const all: Service<unknown>[] = [bigqueries, icestore, enrich, ingestion];
  const shutdown = async (): Promise<number> => {
    let abandoned = 0;
    for (const service of all.toReversed()) abandoned += (await service.shutdown()).abandoned;
    return abandoned;
  };
  try {
    await Promise.all(all.map((service) => service.start()));
    await Promise.all(all.map((service) => service.ready));
  } catch (thrown) {
    await shutdown();
    throw thrown;
  }
  return { ingestion, enrich, icestore, bigqueries, all, shutdown };
}
