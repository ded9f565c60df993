import type { BigQuery } from '@google-cloud/bigquery';
import * as v from 'valibot';
import { answerOf } from '../google/bounded-call.ts';
import type { TableConfig } from './config.ts';
import { type TableResource, tableResource } from './table-schema.ts';

/** Reads the type and the columns of the table. Rejects with the client's own error, or a RetryableError without an answer. */
export async function readTable(
  bigquery: BigQuery,
  { datasetId, tableId }: Pick<TableConfig, 'datasetId' | 'tableId'>,
): Promise<TableResource> {
  const [metadata] = await answerOf('tables.get', () => bigquery.dataset(datasetId).table(tableId).getMetadata());
  return v.parse(tableResource, metadata);
}
