/** BigQuery: a sink that inserts rows in batches, and finds the row that BigQuery refuses. */

export { ensureTable } from './check.ts';
export { createBigQueryClient } from './client.ts';
export { type Column, type InsertConfig, insertSchema, type TableConfig, tableSchema } from './config.ts';
export { type Row, type RowOf, rowBy, rowText, type Transformer } from './row-of.ts';
export { type BigQuerySinkOptions, bigquerySink } from './sink.ts';
