import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk, type DuckDBValue } from '@duckdb/node-api';
import { duckDbType, type Field, quoteName } from './schema.ts';

/** DuckDB's own vector size: as many rows as one chunk holds. */
const ROWS_PER_CHUNK = 2048;

/** A connection does one thing at a time: with two, a long read does not make `append` wait. */
export interface StoreConnections {
  readonly write: DuckDBConnection;
  readonly read: DuckDBConnection;
}

/**
 * The rows of one table, in DuckDB under a name that no query can write. `append` is synchronous, so that a request's
 * rows appear all at once; at most one chunk of them waits outside of DuckDB.
 */
export class TableStore {
  /** The name of the DuckDB table. */
  readonly name: string;
  readonly #connections: StoreConnections;
  #fields: readonly Field[];
  #pending: DuckDBValue[][] = [];
  /** Absent while the table is being altered. */
  #appender: DuckDBAppender | undefined;
  #rowCount = 0;

  private constructor(connections: StoreConnections, name: string, fields: readonly Field[]) {
    this.#connections = connections;
    this.name = name;
    this.#fields = fields;
  }

  static async create(connections: StoreConnections, name: string, fields: readonly Field[]): Promise<TableStore> {
    const columns = fields.map((field) => `${quoteName(field.name)} ${duckDbType(field)}`);
    await connections.write.run(`CREATE TABLE ${name} (${columns.join(', ')})`);
    const store = new TableStore(connections, name, fields);
    store.#appender = await connections.write.createAppender(name);
    return store;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Adds rows whose values stand in the order of the fields. */
  append(rows: readonly DuckDBValue[][]): void {
    this.#rowCount += rows.length;
    for (const row of rows) {
      this.#pending.push(row);
      if (this.#pending.length === ROWS_PER_CHUNK) this.flush();
    }
  }

  /** Makes every row visible to queries. */
  flush(): void {
    const appender = this.#appender;
    if (this.#pending.length === 0 || appender === undefined) return;
    const types = this.#fields.map((_, at) => appender.columnType(at));
    for (let from = 0; from < this.#pending.length; from += ROWS_PER_CHUNK) {
      const rows = this.#pending.slice(from, from + ROWS_PER_CHUNK);
      // Rows that came while a column was being added lack it.
      for (const row of rows) while (row.length < types.length) row.push(null);
      const chunk = DuckDBDataChunk.create(types);
      chunk.setRows(rows);
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
    this.#pending = [];
  }

  /** Takes the table to fields that `checkSchemaChange` let pass. */
  async alter(fields: readonly Field[]): Promise<void> {
    this.flush();
    this.#appender?.closeSync();
    this.#appender = undefined;
    for (const field of fields) {
      const name = quoteName(field.name);
      const before = this.#fields.find((old) => old.name.toLowerCase() === field.name.toLowerCase());
      if (before === undefined) {
        await this.#connections.write.run(`ALTER TABLE ${this.name} ADD COLUMN ${name} ${duckDbType(field)}`);
        // Not as DEFAULT []: with more rows than a chunk holds, that breaks DuckDB 1.5.6 (an INTERNAL error, and fatal).
        if (field.mode === 'REPEATED') await this.#connections.write.run(`UPDATE ${this.name} SET ${name} = []`);
      } else if (duckDbType(before) !== duckDbType(field)) {
        await this.#connections.write.run(`ALTER TABLE ${this.name} ALTER COLUMN ${name} TYPE ${duckDbType(field)}`);
      }
    }
    const added = fields.filter(
      ({ name }) => !this.#fields.some((old) => old.name.toLowerCase() === name.toLowerCase()),
    );
    this.#fields = [...this.#fields, ...added];
    this.#appender = await this.#connections.write.createAppender(this.name);
  }

  /** The rows from `offset` on, at most `limit`, in the order of their arrival; values in the order of `fields`. */
  async page(fields: readonly Field[], offset: number, limit: number): Promise<DuckDBValue[][]> {
    this.flush();
    const columns = fields.map(({ name }) => quoteName(name)).join(', ');
    const sql = `SELECT ${columns} FROM ${this.name} LIMIT ${limit} OFFSET ${offset}`;
    return await (await this.#connections.read.run(sql)).getRows();
  }

  async drop(): Promise<void> {
    this.#pending = [];
    this.#appender?.closeSync();
    this.#appender = undefined;
    await this.#connections.write.run(`DROP TABLE ${this.name}`);
  }
}
