import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk, type DuckDBValue } from '@duckdb/node-api';
import { type ApiError, invalid, unsupported } from './api.ts';
import { InsertIds } from './insert-ids.ts';
import { parsePartitioning, type TimePartitioning } from './partitioning.ts';
import { duckDbType, type Field, quoteName } from './schema.ts';
import type { Settings } from './settings.ts';

type TablePath = readonly [project: string, dataset: string, table: string];
/** Rows in one of DuckDB's chunks; at most this many rows of a table wait outside DuckDB. */
const ROWS_PER_CHUNK = 2048;

interface TableSurroundings {
  readonly writer: DuckDBConnection;
  readonly now: () => number;
  readonly settings: Settings;
}

/** One table: its rows, in DuckDB under a separate name, and its resource. */
export class Table {
  /** `project:dataset.table`, as the service writes it. */
  readonly name: string;
  readonly sqlName: string;
  readonly #resource: Record<string, unknown>;
  fields: readonly Field[] = [];
  partitioning: TimePartitioning | undefined;
  rowCount = 0;
  readonly #path: TablePath;
  readonly #writer: DuckDBConnection;
  #pending: DuckDBValue[][] = [];
  /** Undefined while the table is being created or altered; rows wait in the meantime. */
  #appender: DuckDBAppender | undefined;
  readonly insertIds: InsertIds;
  /** Time when a patch added each column. */
  readonly #addedAt = new Map<string, number>();
  readonly #now: () => number;
  readonly #settings: Settings;

  constructor({ writer, now, settings }: TableSurroundings, path: TablePath, given: Record<string, unknown>) {
    const [projectId, datasetId, tableId] = path;
    this.name = `${projectId}:${datasetId}.${tableId}`;
    this.sqlName = path.map(quoteName).join('.');
    const tableReference = { projectId, datasetId, tableId };
    const creationTime = String(now());
    this.#resource = { ...given, kind: 'bigquery#table', type: 'TABLE', id: this.name, tableReference, creationTime };
    this.#path = path;
    this.#writer = writer;
    this.#now = now;
    this.#settings = settings;
    this.insertIds = new InsertIds(now);
  }

  toJSON(): Record<string, unknown> {
    return { ...this.#resource, schema: { fields: this.fields }, numRows: String(this.rowCount) };
  }

  /**
   * Creates the table or changes its columns: adds columns, relaxes REQUIRED ones to NULLABLE, changes descriptions.
   */
  async setFields(fields: readonly Field[]): Promise<void> {
    const isNew = this.fields.length === 0;
    if (isNew) this.partitioning = parsePartitioning(this.#resource, fields);
    const kept = this.fields.map((old) =>
      this.#changed(
        old,
        fields.find(({ name }) => name === old.name),
      ),
    );
    const added = fields.filter(({ name }) => !kept.some((field) => field.name === name));
    if (!isNew && added.some(({ mode }) => mode === 'REQUIRED'))
      throw this.#mismatch('Cannot add required fields to an existing schema.');
    const empty = ({ mode }: Field) => (mode === 'REPEATED' ? '[]' : 'NULL');
    const columns = added.map((field) => `${empty(field)}::${duckDbType(field)} AS ${quoteName(field.name)}`);
    this.flush();
    this.#appender?.closeSync();
    this.#appender = undefined;
    this.fields = [...kept, ...added];
    if (!isNew) for (const { name } of added) this.#addedAt.set(name, this.#now());
    const rows = isNew ? `${columns} LIMIT 0` : `${['*', ...columns]} FROM ${this.sqlName}`;
    await this.#writer.run(`CREATE ${isNew ? '' : 'OR REPLACE '}TABLE ${this.sqlName} AS SELECT ${rows}`);
    this.#appender = await this.#writer.createAppender(this.#path[2], this.#path[1], this.#path[0]);
  }

  #changed(old: Field, field: Field | undefined): Field {
    if (field === undefined) throw this.#mismatch(`Field ${old.name} is missing in new schema`);
    const { mode, name, type } = field;
    if (mode !== old.mode && !(old.mode === 'REQUIRED' && mode === 'NULLABLE')) {
      throw this.#mismatch(`Field ${name} has changed mode from ${old.mode} to ${mode}`);
    }
    if (type !== old.type) throw this.#mismatch(`Field ${name} has changed type from ${old.type} to ${type}`);
    if (duckDbType({ ...field, mode: old.mode }) !== duckDbType(old))
      throw unsupported(`A change inside of RECORD ${name}`);
    return field;
  }

  #mismatch(why: string): ApiError {
    return invalid(`Provided Schema does not match Table ${this.name}. ${why}`);
  }

  async drop(): Promise<void> {
    this.#appender?.closeSync();
    this.#appender = undefined;
    await this.#writer.run(`DROP TABLE ${this.sqlName}`);
  }

  /** Returns the columns that inserts refuse as unknown because a patch has just added them. */
  hiddenColumns(): ReadonlySet<string> | undefined {
    if (this.#addedAt.size === 0) return undefined;
    const since = this.#now() - this.#settings.schemaDelayMs;
    return new Set([...this.#addedAt].flatMap(([name, at]) => (at > since ? [name] : [])));
  }

  /** Adds rows in one call; their values are in the order of the fields. */
  append(rows: readonly DuckDBValue[][]): void {
    for (const row of rows) this.#pending.push(row);
    this.rowCount += rows.length;
    if (this.#pending.length >= ROWS_PER_CHUNK) this.flush();
  }

  /** Makes every row visible to queries. */
  flush(): void {
    const appender = this.#appender;
    if (appender === undefined || this.#pending.length === 0) return;
    const types = this.fields.map((_, at) => appender.columnType(at));
    while (this.#pending.length > 0) {
      const chunk = DuckDBDataChunk.create(types);
      chunk.setRows(this.#pending.splice(0, ROWS_PER_CHUNK));
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
  }
}
