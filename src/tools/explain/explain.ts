import { FatalError } from '../../core/errors.ts';
import type { Pipeline } from '../../services/pipeline.ts';
import { pipelineName } from '../../services/pipeline.ts';
import type { Arrival, Explanation } from './explanation.ts';

/**
 * Follows one message through a pipeline with the code and hooks of its service, and returns its end. Connects to nothing,
 * and loads only the modules of that service. Throws a FatalError for services that it does not cover.
 */
export async function explain({ config, hooks, file }: Pipeline, arrival: Arrival): Promise<Explanation> {
  const pipeline = pipelineName(file);
  switch (config.service) {
    case 'ingestion':
      return { pipeline, ...(await (await import('./explain-ingestion.ts')).explainIngestion(config, hooks, arrival)) };
    case 'enrich':
      return { pipeline, ...(await (await import('./explain-enrich.ts')).explainEnrich(config, hooks, arrival)) };
    case 'icestore':
      return { pipeline, ...(await (await import('./explain-icestore.ts')).explainIcestore(config, hooks, arrival)) };
    case 'bigqueries':
      return {
        pipeline,
        ...(await (await import('./explain-bigqueries.ts')).explainBigQueries(config, hooks, arrival)),
      };
    default:
      throw new FatalError(`${file}: explain does not cover this service; tap shows its messages while it runs`);
  }
}

/**
 * Follows one message through several pipelines: each consumer gets what was last published to its subscription's
 * topic, if a pipeline declares that subscription (`resources.subscriptions`), else what was published last.
 */
export async function explainChain(pipelines: readonly Pipeline[], arrival: Arrival): Promise<Explanation[]> {
  const topics = declaredTopics(pipelines);
  const found: Explanation[] = [];
  for (const [index, pipeline] of pipelines.entries()) {
    if (index === 0) {
      found.push(await explain(pipeline, arrival));
      continue;
    }
    const { config } = pipeline;
    const topic = 'source' in config ? topics.get(config.source.subscriptionId) : undefined;
    const published = found.findLast(
      ({ published }) =>
        published !== undefined && (topic === undefined || published.topic.endsWith(`/topics/${topic}`)),
    )?.published;
    if (published === undefined) {
      found.push({ pipeline: pipelineName(pipeline.file), service: config.service, outcome: 'notReached', notes: [] });
      continue;
    }
    const { attributes, orderingKey, envelope } = published;
    found.push(
      await explain(pipeline, {
        ...{ data: Buffer.from(envelope), attributes, orderingKey, retained: false, asIs: true },
        lookup: arrival.lookup,
      }),
    );
  }
  return found;
}

/** The topics of subscriptions, by their short names, as pipelines declare them. */
function declaredTopics(pipelines: readonly Pipeline[]): ReadonlyMap<string, string> {
  return new Map(
    pipelines.flatMap(({ config }) =>
      (config.resources?.subscriptions ?? []).map(({ subscriptionId, topicId }) => [subscriptionId, topicId] as const),
    ),
  );
}
