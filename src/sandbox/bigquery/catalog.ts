import { alreadyExists, notFound } from './api-error.ts';
import type { Database } from './database.ts';
import type { Field } from './schema.ts';
import { Table, type TableReference, tableName } from './table.ts';

/** A dataset: its tables by id, and the writable part of its resource. */
export interface Dataset {
  readonly projectId: string;
  readonly datasetId: string;
  readonly creationTime: number;
  readonly tables: Map<string, Table>;
  metadata: Record<string, unknown>;
  lastModifiedTime: number;
}

/** Every dataset and table of every project. Ids are case-sensitive, as the service's are. */
export class Catalog {
  readonly #database: Database;
  readonly #datasets = new Map<string, Dataset>();

  constructor(database: Database) {
    this.#database = database;
  }

  createDataset(projectId: string, datasetId: string, metadata: Record<string, unknown>): Dataset {
    const name = `${projectId}:${datasetId}`;
    if (this.#datasets.has(name)) throw alreadyExists(`Dataset ${name}`);
    const now = Date.now();
    const dataset = { projectId, datasetId, creationTime: now, lastModifiedTime: now, metadata, tables: new Map() };
    this.#datasets.set(name, dataset);
    return dataset;
  }

  dataset(projectId: string, datasetId: string): Dataset {
    const dataset = this.#datasets.get(`${projectId}:${datasetId}`);
    if (dataset === undefined) throw notFound(`Dataset ${projectId}:${datasetId}`);
    return dataset;
  }

  /** Those of one project, by id. */
  datasets(projectId: string): Dataset[] {
    return [...this.#datasets.values()]
      .filter((dataset) => dataset.projectId === projectId)
      .sort((a, b) => (a.datasetId < b.datasetId ? -1 : 1));
  }

  async deleteDataset(dataset: Dataset): Promise<void> {
    this.#datasets.delete(`${dataset.projectId}:${dataset.datasetId}`);
    for (const table of dataset.tables.values()) await table.drop();
  }

  async createTable(
    reference: TableReference,
    metadata: Record<string, unknown>,
    fields: readonly Field[],
  ): Promise<Table> {
    const taken = () => this.findTable(reference) !== undefined;
    if (taken()) throw alreadyExists(`Table ${tableName(reference)}`);
    const table = new Table(this.#database, reference, metadata);
    await table.setFields(fields);
    if (taken()) {
      await table.drop();
      throw alreadyExists(`Table ${tableName(reference)}`);
    }
    this.dataset(reference.projectId, reference.datasetId).tables.set(reference.tableId, table);
    return table;
  }

  /** Throws when the dataset does not exist; undefined when only the table does not. */
  findTable(reference: TableReference): Table | undefined {
    const dataset = this.dataset(reference.projectId, reference.datasetId);
    const table = dataset.tables.get(reference.tableId);
    if (table?.expired !== true) return table;
    dataset.tables.delete(reference.tableId);
    table.drop().catch(() => undefined);
    return undefined;
  }

  table(reference: TableReference): Table {
    const table = this.findTable(reference);
    if (table === undefined) throw notFound(`Table ${tableName(reference)}`);
    return table;
  }

  async deleteTable(reference: TableReference): Promise<void> {
    const table = this.table(reference);
    this.dataset(reference.projectId, reference.datasetId).tables.delete(reference.tableId);
    await table.drop();
  }
}
