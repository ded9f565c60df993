import { createBigQueryClient } from '../../connectors/bigquery/client.ts';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { FatalError } from '../../core/errors.ts';
import { type TableName, TableRows } from '../../tools/look/table-rows.ts';
import { EXIT } from '../exit-codes.ts';
import { projectOf } from '../project.ts';
import { configOf, exported, type LookOptions, say, session } from './session.ts';

export interface LookRowsOptions extends LookOptions {
  readonly sql?: string;
}

interface Target {
  readonly google: GoogleConfig;
  readonly name: TableName;
}

/** `look rows [pipeline]`: the rows of a table, newest first or as they arrive, or the result of a query. */
export async function lookRows(path: string | undefined, options: LookRowsOptions): Promise<number> {
  const { limit, follow, sql } = options;
  return session(
    () => targetOf(path),
    'bigquery',
    options,
    async ({ google, name }, { signal, everyMs, show }) => {
      if (follow && sql !== undefined) throw new FatalError('--follow: --sql is set too; remove one of them');
      const shown = `${name.projectId}.${name.datasetId}.${name.tableId}`;
      const rows = await TableRows.open(createBigQueryClient(google), name);
      if (rows === undefined) {
        const folder = path ?? 'pipelines/…';
        say(`BigQuery has no table ${shown}; this creates it: npm run cli -- provision ${folder}`);
        return EXIT.failed;
      }
      if (!rows.hasTimes && sql === undefined) {
        const problem = `${shown} has no column of the type TIMESTAMP, DATETIME or DATE`;
        if (follow) throw new FatalError(`--follow: ${problem}, which is needed to recognize new rows`);
        say(`${problem}: the rows are in any order`);
      }
      if (follow) {
        for await (const row of rows.follow(limit, everyMs, signal)) await show(row);
        return EXIT.clean;
      }
      const found = sql === undefined ? await rows.newest(limit) : await rows.query(sql, limit);
      for (const row of found) await show(row);
      if (found.length === 0 && limit > 0) say(sql === undefined ? `${shown} has no rows` : 'no rows');
      return EXIT.clean;
    },
  );
}

function targetOf(path: string | undefined): Target {
  if (path !== undefined) {
    const { google, table } = configOf(path, 'bigqueries');
    return { google, name: { projectId: google.projectId, datasetId: table.datasetId, tableId: table.tableId } };
  }
  const [datasetId = '', tableId = ''] = exported(['BIGQUERY_DATASET', 'BIGQUERY_TABLE'], 'pipelines/bigqueries');
  const projectId = projectOf({});
  return { google: { projectId }, name: { projectId, datasetId, tableId } };
}
