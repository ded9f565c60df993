import { DuckDBInstance, type DuckDBResult } from '@duckdb/node-api';
import type { Field } from './schema.ts';
import { SQL_FUNCTIONS } from './sql-functions.ts';
import { type StoreConnections, TableStore } from './table-store.ts';

/** The DuckDB behind the sandbox's BigQuery: in memory, in UTC, without access to files or the network. */
export class Database {
  readonly #instance: DuckDBInstance;
  readonly #connections: StoreConnections;
  #tables = 0;

  private constructor(instance: DuckDBInstance, connections: StoreConnections) {
    this.#instance = instance;
    this.#connections = connections;
  }

  static async open(): Promise<Database> {
    const instance = await DuckDBInstance.create(':memory:', {
      enable_external_access: 'false',
      autoload_known_extensions: 'false',
      autoinstall_known_extensions: 'false',
      // BigQuery: nulls are the smallest values.
      default_null_order: 'nulls_first_on_asc_last_on_desc',
    });
    const connections = { write: await instance.connect(), read: await instance.connect() };
    await connections.write.run(`SET GLOBAL TimeZone = 'UTC'`);
    for (const macro of SQL_FUNCTIONS) await connections.write.run(`CREATE MACRO ${macro}`);
    return new Database(instance, connections);
  }

  createTable(fields: readonly Field[]): Promise<TableStore> {
    this.#tables += 1;
    return TableStore.create(this.#connections, `bq_table_${this.#tables}`, fields);
  }

  /** Runs one SELECT on a connection of its own, so that a slow one does not hold up the inserts. */
  async query<T>(sql: string, read: (result: DuckDBResult) => Promise<T>): Promise<T> {
    const connection = await this.#instance.connect();
    try {
      return await read(await connection.run(sql));
    } finally {
      connection.closeSync();
    }
  }

  close(): void {
    this.#connections.write.closeSync();
    this.#connections.read.closeSync();
    this.#instance.closeSync();
  }
}
