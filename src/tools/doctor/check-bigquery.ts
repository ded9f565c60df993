import type { BigQuery } from '@google-cloud/bigquery';
import type { TableConfig } from '../../connectors/bigquery/config.ts';
import { readTable, tableDifferences } from '../../connectors/bigquery/table-schema.ts';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import type { Check } from './finding.ts';
import { ANSWER_WITHIN_MS, checkPermissions, lookedAt } from './google-calls.ts';

export interface ExaminedTable {
  readonly table: TableConfig;
  /** True if a hook creates the rows. */
  readonly hasHook: boolean;
  readonly remedy: string;
}

/** Checks the dataset of a table. */
export function datasetCheck(bigquery: BigQuery, { table: { datasetId, create }, remedy }: ExaminedTable): Check {
  return {
    part: `dataset ${datasetId}`,
    run: async (report) => {
      const found = await lookedAt(
        report,
        {
          permission: 'bigquery.datasets.get',
          role: 'roles/bigquery.metadataViewer',
          unchecked: 'whether it exists',
          onMissing: () => {
            if (create) report('note', 'does not exist yet: the service creates it (table.create)');
            else report('error', 'does not exist (table.datasetId)', remedy);
          },
        },
        async () =>
          (await answerOf('datasets.get', () => bigquery.dataset(datasetId).getMetadata(), ANSWER_WITHIN_MS))[0],
      );
      if (found !== undefined) report('ok', `exists (table.datasetId), in ${found.location}`);
    },
  };
}

/** Checks the table that rows go to, and compares its columns. */
export function tableCheck(bigquery: BigQuery, { table, hasHook, remedy }: ExaminedTable): Check {
  const { datasetId, tableId } = table;
  return {
    part: `table ${datasetId}.${tableId}`,
    run: async (report) => {
      let isMissing = false;
      const found = await lookedAt(
        report,
        {
          permission: 'bigquery.tables.get',
          role: 'roles/bigquery.metadataViewer',
          unchecked: 'whether it exists, and its columns',
          onMissing: () => {
            isMissing = true;
            if (table.create) report('note', 'does not exist yet: the service creates it (table.create)');
            else report('error', 'does not exist (table.tableId)', remedy);
          },
        },
        () => readTable(bigquery, table),
      );
      if (isMissing) return;
      if (found !== undefined) {
        const differences = tableDifferences(table.schema, found, hasHook);
        for (const { path, problem } of differences) {
          report('error', `${path === '' ? 'the table' : path} ${problem}`, 'change the table, or table.schema');
        }
        if (differences.length === 0) report('ok', `exists, with the ${table.schema.length} columns of table.schema`);
      }
      await checkPermissions(
        report,
        [
          {
            permission: 'bigquery.tables.updateData',
            role: 'roles/bigquery.dataEditor',
            purpose: 'no row can be inserted',
          },
        ],
        async (permissions) => {
          const client = bigquery.dataset(datasetId).table(tableId);
          const call = () => client.testIamPermissions([...permissions]);
          const [answer] = await answerOf('tables.testIamPermissions', call, ANSWER_WITHIN_MS);
          return answer.permissions ?? [];
        },
      );
    },
  };
}
