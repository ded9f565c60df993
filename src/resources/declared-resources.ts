import type { BigQuery } from '@google-cloud/bigquery';
import type { Storage } from '@google-cloud/storage';
import type { GoogleConfig } from '../connectors/google/google-config.ts';
import type { PubSubClients } from '../connectors/pubsub/client.ts';
import { FatalError } from '../core/errors.ts';
import { bucketResource } from './bucket.ts';
import type { ResourcesConfig, TableResource } from './config.ts';
import { datasetResource } from './dataset.ts';
import { KINDS, type Labels, type Resource } from './resource.ts';
import { subscriptionResource } from './subscription.ts';
import { type TableDeclaration, tableResource } from './table.ts';
import { topicResource } from './topic.ts';

/** The clients for every kind of declared resource. */
export interface CloudClients {
  readonly pubsub: PubSubClients;
  readonly storage: Storage;
  readonly bigquery: BigQuery;
}

/** The resources of one pipeline. */
export interface Declaration {
  readonly owner: string;
  readonly google: GoogleConfig;
  readonly resources: ResourcesConfig;
  /** The table that the pipeline writes to, so that its schema need not be declared twice. */
  readonly table?: TableDeclaration;
}

/** A declared resource, and its owner's labels. */
export interface Declared {
  readonly resource: Resource;
  readonly labels: Labels;
}

/** Returns the labels that mark a resource as created by us for this owner. */
export function ownerLabels(owner: string): Labels {
  return { 'provisioned-by': 'dataflow', pipeline: owner };
}

/** Returns whether a resource has its owner's labels. */
export function isOwn(labels: Labels, own: Labels): boolean {
  return Object.entries(own).every(([label, value]) => labels[label] === value);
}

/**
 * Returns the resources that pipelines declare, in order of creation. A resource declared several times belongs to the
 * first declaration.
 *
 * @throws FatalError if a declared table has no schema.
 */
export function declaredResources(clients: CloudClients, declarations: readonly Declaration[]): Declared[] {
  const found = new Map<string, Declared>();
  for (const { owner, google, resources, table } of declarations) {
    const { projectId } = google;
    const labels = ownerLabels(owner);
    const own: Resource[] = [
      ...resources.topics.map((config) => topicResource(clients.pubsub, projectId, config)),
      ...resources.subscriptions.map((config) => subscriptionResource(clients.pubsub, projectId, config)),
      ...resources.buckets.map((config) => bucketResource(clients.storage, config)),
      ...resources.datasets.map((config) => datasetResource(clients.bigquery, projectId, config)),
      ...resources.tables.map((config) => tableResource(clients.bigquery, projectId, withSchema(config, table))),
    ];
    for (const resource of own) {
      const id = `${resource.kind} ${resource.name}`;
      if (!found.has(id)) found.set(id, { resource, labels });
    }
  }
  return [...found.values()].sort(
    (one, other) => KINDS.indexOf(one.resource.kind) - KINDS.indexOf(other.resource.kind),
  );
}

function withSchema(config: TableResource, table: TableDeclaration | undefined): TableDeclaration {
  const { schema } = config;
  if (schema !== undefined) return { ...config, schema };
  if (table !== undefined && table.datasetId === config.datasetId && table.tableId === config.tableId) return table;
  throw new FatalError(
    `resources.tables: ${config.datasetId}.${config.tableId} has no schema and is not the pipeline's own table: add one`,
  );
}
