import { globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ResourcesConfig } from '../../resources/config.ts';
import { type Pipeline, readPipelineConfig } from '../../services/pipeline.ts';

/** The short name of a resource, as pipelines declare it. */
export interface Named {
  readonly kind: 'topic' | 'subscription' | 'bucket' | 'dataset' | 'table';
  readonly name: string;
}

/**
 * Returns the command that creates a missing resource, for the pipeline that declares it: this one, or one in a
 * neighboring folder. If none declares it, returns what has to be done first.
 */
export function creationOf({ file, config, env }: Pipeline, { kind, name }: Named): string {
  const own = config.resources !== undefined && declares(config.resources, { kind, name }) ? file : undefined;
  const declaring = own ?? siblings(file).find((other) => isDeclaredBy(other, env, { kind, name }));
  if (declaring === undefined) {
    return `declare it under resources.${kind}s of a pipeline, and run: npm run cli -- provision <pipeline>`;
  }
  return `npm run cli -- provision ${relative(process.cwd(), dirname(declaring)) || '.'}`;
}

function siblings(file: string): string[] {
  const folder = dirname(dirname(file));
  return globSync('*/pipeline.yaml', { cwd: folder })
    .map((path) => join(folder, path))
    .filter((path) => path !== file)
    .sort();
}

function isDeclaredBy(file: string, env: NodeJS.ProcessEnv, named: Named): boolean {
  try {
    const { resources } = readPipelineConfig(file, env);
    return resources !== undefined && declares(resources, named);
  } catch {
    // That pipeline is itself invalid.
    return false;
  }
}

function declares(resources: ResourcesConfig, { kind, name }: Named): boolean {
  switch (kind) {
    case 'topic':
      return resources.topics.some(({ topicId }) => topicId === name);
    case 'subscription':
      return resources.subscriptions.some(({ subscriptionId }) => subscriptionId === name);
    case 'bucket':
      return resources.buckets.some((bucket) => bucket.name === name);
    case 'dataset':
      return resources.datasets.some(({ datasetId }) => datasetId === name);
    case 'table':
      return resources.tables.some(({ datasetId, tableId }) => `${datasetId}.${tableId}` === name);
  }
}
