import type { DuckDBValue } from '@duckdb/node-api';
import { invalid } from './api-error.ts';
import type { Database } from './database.ts';
import { InsertIds } from './insert-ids.ts';
import { type RowDecoder, rowDecoder } from './row-decoder.ts';
import type { Field } from './schema.ts';
import type { TableStore } from './table-store.ts';

export interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** `project:dataset.table`, as the service writes it in ids and messages. */
export const tableName = ({ projectId, datasetId, tableId }: TableReference): string =>
  `${projectId}:${datasetId}.${tableId}`;

/** A table: its rows, its columns, and the metadata that its owner gave it. */
export class Table {
  readonly reference: TableReference;
  readonly insertIds = new InsertIds();
  readonly creationTime = Date.now();
  /** The writable part of the resource but for the schema: description, labels, timePartitioning … */
  metadata: Record<string, unknown>;
  lastModifiedTime = Date.now();
  readonly #database: Database;
  #fields: readonly Field[] = [];
  #decode: RowDecoder = rowDecoder([]);
  /** Absent until the table has a column. */
  #store: TableStore | undefined;

  constructor(database: Database, reference: TableReference, metadata: Record<string, unknown>) {
    this.#database = database;
    this.reference = reference;
    this.metadata = metadata;
  }

  get fields(): readonly Field[] {
    return this.#fields;
  }

  get rowCount(): number {
    return this.#store?.rowCount ?? 0;
  }

  get expired(): boolean {
    const { expirationTime } = this.metadata;
    return expirationTime !== undefined && Number(expirationTime) <= Date.now();
  }

  /** Sets the columns, or takes them to new ones that `checkSchemaChange` let pass. */
  async setFields(fields: readonly Field[]): Promise<void> {
    if (fields.length === 0) return;
    if (this.#store === undefined) this.#store = await this.#database.createTable(fields);
    else await this.#store.alter(fields);
    // DuckDB adds columns at the end, whatever place the request gave them; so does the service.
    const known = new Map(fields.map((field) => [field.name.toLowerCase(), field]));
    const kept = this.#fields.flatMap(({ name }) => known.get(name.toLowerCase()) ?? []);
    this.#fields = [...kept, ...fields.filter((field) => !kept.includes(field))];
    this.#decode = rowDecoder(this.#fields);
  }

  /** Reads one row of insertAll; throws a RowProblem. */
  decode(json: unknown, ignoreUnknown: boolean): DuckDBValue[] {
    return this.#decode(json, ignoreUnknown);
  }

  append(rows: readonly DuckDBValue[][]): void {
    this.#store?.append(rows);
  }

  async page(fields: readonly Field[], offset: number, limit: number): Promise<DuckDBValue[][]> {
    return (await this.#store?.page(fields, offset, limit)) ?? [];
  }

  /** The name of the DuckDB table, with every row in it. */
  forQuery(): string {
    if (this.#store === undefined) throw invalid(`Table "${tableName(this.reference)}" does not have a schema.`);
    this.#store.flush();
    return this.#store.name;
  }

  async drop(): Promise<void> {
    await this.#store?.drop();
    this.#store = undefined;
  }
}
