import type { BigQuery } from '@google-cloud/bigquery';
import { RetryableError } from '../../core/errors.ts';
import type { TableConfig } from './config.ts';
import { RefusedRow, type RowResult } from './inserter.ts';
import { hasField, readTable, type TableResource, tableDifferences } from './table-schema.ts';

/** Minimum time between two reads of a table's columns, however many rows it refuses. */
const READ_EVERY_MS = 5_000;

/** A row that the table refuses although the configuration allows it. It waits until the table accepts it. */
export class TableFault extends RetryableError {}

export interface TableVerdictOptions {
  readonly client: BigQuery;
  readonly table: TableConfig;
  /** True if a hook builds the rows. */
  readonly hasHook: boolean;
}

/**
 * Decides whether a refused row or its table is at fault. The table is at fault if the refused column
 *
 * - is configured, and BigQuery reports that it does not exist: the table lacks it, or inserts cannot use it yet;
 * - is written only by a hook and is in the table, but inserts cannot use it yet;
 * - has a different type or mode in the table than in the configuration.
 *
 * Otherwise the row is at fault. This includes a column that only a hook writes and the table lacks, because a device
 * may have named it. Reads the table at most every five seconds; if it may not be read, only the first rule applies.
 */
export function tableVerdict(
  options: TableVerdictOptions,
): (results: readonly RowResult[]) => Promise<readonly RowResult[]> {
  const { client, table, hasHook } = options;
  const target = `${table.datasetId}.${table.tableId}`;
  let known: Promise<TableResource | undefined> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;

  const currentTable = (): Promise<TableResource | undefined> => {
    if (known === undefined || performance.now() - readAt >= READ_EVERY_MS) {
      readAt = performance.now();
      known = readTable(client, table).catch(() => undefined);
    }
    return known;
  };

  const faultOf = (row: RefusedRow, column: string, found: TableResource | undefined): string | undefined => {
    const path = plainPath(column);
    const differences = found === undefined ? [] : tableDifferences(table.schema, found, hasHook);
    const difference = differences.find((each) => isAt(path, plainPath(each.path)));
    if (difference !== undefined && (hasField(table.schema, path) || !row.isUnknownColumn)) {
      return `${difference.path === '' ? target : difference.path} ${difference.problem}`;
    }
    if (!row.isUnknownColumn) return undefined;
    // A name that differs only in case is the row's fault: the row would wait forever.
    const isConfigured = hasField(table.schema, column, { isExact: true });
    const isInTable = found !== undefined && hasField(found.schema.fields, column, { isExact: true });
    return isConfigured || isInTable ? `${column} is not yet accepted by inserts (${row.message})` : undefined;
  };

  return async (results) => {
    if (!results.some((result) => result instanceof RefusedRow && result.columns.length > 0)) return results;
    const found = await currentTable();
    return results.map((result) => {
      if (!(result instanceof RefusedRow)) return result;
      const fault = result.columns.map((column) => faultOf(result, column, found)).find((each) => each !== undefined);
      if (fault === undefined) return result;
      return new TableFault(`${target} refuses rows: ${fault}; change the table, or table.schema and start again`, {
        cause: result,
      });
    });
  };
}

function plainPath(path: string): string {
  return path.replaceAll(/\[\d+\]/g, '').toLowerCase();
}

/** Returns whether one path equals or contains the other. The empty path is the table's. */
function isAt(path: string, other: string): boolean {
  return other === '' || path === other || path.startsWith(`${other}.`) || other.startsWith(`${path}.`);
}
