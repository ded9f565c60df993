import { createHash } from 'node:crypto';
import type { BigQuery } from '@google-cloud/bigquery';
import * as v from 'valibot';
import { tableField } from '../../connectors/bigquery/table-schema.ts';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { asHttpStartError } from '../../connectors/google/errors.ts';
import { errorCode } from '../../core/errors.ts';
import { retryFor } from '../../operators/retry.ts';
import { pause } from './pause.ts';
import { SeenWindow } from './seen-window.ts';
import type { ShownField } from './shown-record.ts';
import { shownField } from './shown-value.ts';

const QUERY_TIMEOUT_MS = 120_000;
const PAGE_ROWS = 1_000;
/** The number of rows that `follow` remembers; it keeps a hash of each, about 150 bytes. */
const KNOWN_ROWS = 20_000;
/** Rows that arrive at most this much later than newer ones are shown. */
const LATENESS_SECONDS = 60;
const NOT_FOUND = 404;
const TIME_TYPES = ['TIMESTAMP', 'DATETIME', 'DATE'];

const fieldsSchema = v.optional(v.array(tableField), []);
const metadataSchema = v.object({
  schema: v.optional(v.object({ fields: fieldsSchema }), {}),
  timePartitioning: v.optional(v.object({ field: v.optional(v.string()) })),
});
const resultSchema = v.object({ schema: v.optional(v.object({ fields: fieldsSchema }), {}) });
const tokenSchema = v.nullish(v.object({ pageToken: v.optional(v.string()) }));

export interface TableName {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** A row of a table or of a query's result. */
export type TableRow = readonly ShownField[];

interface TimeColumn {
  readonly name: string;
  readonly type: string;
  /** True for the column that the table is partitioned by. */
  readonly isPartition: boolean;
}

interface TimedRow {
  readonly row: TableRow;
  /** In a form that sorts by time. */
  readonly time: string;
  /** Identifies the row: the same in every query. */
  readonly key: string;
}

/** Reads rows of a table, newest first or as they arrive. */
export class TableRows {
  readonly #bigquery: BigQuery;
  readonly #name: TableName;
  readonly #time: TimeColumn | undefined;

  private constructor(bigquery: BigQuery, name: TableName, time: TimeColumn | undefined) {
    this.#bigquery = bigquery;
    this.#name = name;
    this.#time = time;
  }

  /** Looks up the table; undefined if it does not exist. */
  static async open(bigquery: BigQuery, name: TableName): Promise<TableRows | undefined> {
    const table = bigquery.dataset(name.datasetId).table(name.tableId);
    const found = await retryFor(
      () =>
        answerOf('tables.get', () => table.getMetadata()).catch((thrown: unknown) => {
          if (Number(errorCode(thrown)) === NOT_FOUND) return undefined;
          throw thrown;
        }),
      (thrown) => asHttpStartError('table', `${name.datasetId}.${name.tableId}`, thrown),
    );
    if (found === undefined) return undefined;
    const { schema, timePartitioning } = v.parse(metadataSchema, found[0]);
    const partition = schema.fields.find(({ name }) => name === timePartitioning?.field);
    const column =
      partition ?? schema.fields.find(({ type, mode }) => TIME_TYPES.includes(type) && mode !== 'REPEATED');
    const time = column && { name: column.name, type: column.type, isPartition: partition !== undefined };
    return new TableRows(bigquery, name, time);
  }

  /** False for a table without a time column: new rows cannot be recognized. */
  get hasTimes(): boolean {
    return this.#time !== undefined;
  }

  /** The first rows of a user's query; table names without a dataset refer to this dataset. */
  async query(sql: string, limit: number): Promise<TableRow[]> {
    const rows: TableRow[] = [];
    if (limit === 0) return rows;
    for await (const page of this.#pages(sql, Math.min(limit, PAGE_ROWS))) {
      rows.push(...page.slice(0, limit - rows.length));
      if (rows.length === limit) break;
    }
    return rows;
  }

  /** The newest rows, newest first; any rows of a table without times. */
  async newest(limit: number): Promise<TableRow[]> {
    const time = this.#time;
    if (time === undefined) return this.query(`SELECT * FROM ${this.#from} LIMIT ${limit}`, limit);
    const order = `ORDER BY \`${time.name}\` DESC LIMIT ${limit}`;
    if (time.isPartition && time.type === 'TIMESTAMP') {
      // If the rows of one day are enough, older partitions need not be read and paid for.
      const ofToday = `\`${time.name}\` >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)`;
      const rows = await this.query(`SELECT * FROM ${this.#from} WHERE ${ofToday} ${order}`, limit);
      if (rows.length === limit) return rows;
    }
    return this.query(`SELECT * FROM ${this.#from} ${order}`, limit);
  }

  /**
   * The newest rows, oldest first, then each new row, until the signal. Emits no row twice, and omits rows that arrive
   * more than a minute after newer ones, or after 20,000 newer ones.
   */
  async *follow(limit: number, everyMs: number, signal: AbortSignal): AsyncGenerator<TableRow> {
    const time = this.#time;
    if (time === undefined) return;
    const seen = new SeenWindow<string>(KNOWN_ROWS);
    const first = timedRows((await this.newest(Math.max(limit, 1))).toReversed(), time);
    for (const [index, { row }] of first.entries()) if (index >= first.length - limit) yield row;
    const [oldest] = first;
    const known = new Set(first.map(({ key }) => key));
    // Older rows are not new, even when read for the first time.
    for await (const page of this.#timedPages(time, first.at(-1)?.time, undefined)) {
      for (const each of page) {
        if (!known.has(each.key) && (oldest === undefined || each.time >= oldest.time)) yield each.row;
        seen.add(each.key, each.time);
      }
    }
    while (await pause(everyMs, signal)) {
      for await (const page of this.#timedPages(time, seen.newest, seen.floor)) {
        for (const { row, key, time: at } of page) if (seen.add(key, at)) yield row;
        if (signal.aborted) return;
      }
    }
  }

  get #from(): string {
    const { projectId, datasetId, tableId } = this.#name;
    return `\`${projectId}.${datasetId}.${tableId}\``;
  }

  /** Rows from shortly before the newest time on, and after the floor, in the order of their times. */
  async *#timedPages(
    time: TimeColumn,
    newest: string | undefined,
    floor: string | undefined,
  ): AsyncGenerator<TimedRow[]> {
    const conditions = [
      ...(newest === undefined ? [] : [`\`${time.name}\` >= ${shortlyBefore(time, newest)}`]),
      ...(floor === undefined ? [] : [`\`${time.name}\` > ${literal(time, floor)}`]),
    ];
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')} `;
    const sql = `SELECT * FROM ${this.#from} ${where}ORDER BY \`${time.name}\` LIMIT ${2 * KNOWN_ROWS}`;
    const copies = new Map<string, number>();
    for await (const page of this.#pages(sql, PAGE_ROWS)) yield timedRows(page, time, copies);
  }

  async *#pages(query: string, maxResults: number): AsyncGenerator<TableRow[]> {
    const { projectId, datasetId } = this.#name;
    const options = { query, defaultDataset: { projectId, datasetId } };
    const called = <T>(call: () => Promise<T>): Promise<T> =>
      retryFor(
        () => answerOf('the query', call, QUERY_TIMEOUT_MS),
        (thrown) => asHttpStartError('query', query, thrown),
      );
    const [job] = await called(() => this.#bigquery.createQueryJob(options));
    for (let pageToken: string | undefined; ; ) {
      const request = { maxResults, wrapIntegers: true, autoPaginate: false };
      const [rows, next, response] = await called(() =>
        job.getQueryResults({ ...request, ...(pageToken === undefined ? {} : { pageToken }) }),
      );
      const { schema } = v.parse(resultSchema, response);
      yield rows.map((row) => schema.fields.map((field) => shownField(field, row[field.name])));
      pageToken = v.parse(tokenSchema, next)?.pageToken;
      if (pageToken === undefined) return;
    }
  }
}

/** Adds times and keys. Equal rows of one query get different keys. */
function timedRows(rows: readonly TableRow[], time: TimeColumn, copies = new Map<string, number>()): TimedRow[] {
  return rows.map((row) => {
    const hash = createHash('sha1');
    for (const { json } of row) hash.update(`${json}\n`);
    const digest = hash.digest('base64');
    const copy = (copies.get(digest) ?? 0) + 1;
    copies.set(digest, copy);
    const text = row.find(({ name }) => name === time.name)?.text ?? '';
    return { row, time: sortable(text), key: `${digest}${copy}` };
  });
}

const FRACTION = /(:\d\d)(?:\.(\d+))?(Z?)$/;
const MICROSECONDS = 6;

/** A time with all six digits of a second: without them `…:03.5Z` would come before `…:03Z`. */
function sortable(time: string): string {
  return time.replace(
    FRACTION,
    (_, second: string, fraction = '', zone = '') => `${second}.${fraction.padEnd(MICROSECONDS, '0')}${zone}`,
  );
}

function literal({ type }: TimeColumn, time: string): string {
  return `${type} '${time}'`;
}

function shortlyBefore(column: TimeColumn, time: string): string {
  const at = literal(column, time);
  return column.type === 'DATE' ? at : `${column.type}_SUB(${at}, INTERVAL ${LATENESS_SECONDS} SECOND)`;
}
