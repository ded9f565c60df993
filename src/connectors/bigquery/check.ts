import type { BigQuery } from '@google-cloud/bigquery';
import { errorCode, FatalError, RetryableError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { isDenied, warnOfSkippedCheck } from '../google/denied-check.ts';
import { asHttpStartError, PROVISION_HINT } from '../google/errors.ts';
import type { TableConfig } from './config.ts';
import { readTable, type TableResource, tableDifferences } from './table-schema.ts';

const NOT_FOUND = 404;

/** Creates a resource unless it exists. Rejects with the client's own error. */
type Create = () => Promise<'created' | 'exists'>;

interface EnsureTableOptions {
  readonly telemetry: Telemetry;
  /** True if a hook builds the rows. */
  readonly hasHook: boolean;
  readonly createDataset: Create;
  readonly createTable: Create;
}

/**
 * Checks at start that the table exists and has the configured columns. With `table.create`, creates a missing dataset
 * and table. Logs a warning if this identity may not read the table.
 *
 * @throws RetryableError listing every difference while the table differs, and while BigQuery is unreachable: rows wait
 *   until the table is fixed. FatalError if the table is missing and `table.create` is off.
 */
export async function ensureTable(bigquery: BigQuery, config: TableConfig, options: EnsureTableOptions): Promise<void> {
  const name = `${config.datasetId}.${config.tableId}`;
  const found = await lookUp(bigquery, config, name);
  if (typeof found === 'object') return assertAlike(config, name, found, options.hasHook);
  if (found === 'missing' && !config.create) {
    const wayOut = `create it, or set table.create to true; ${PROVISION_HINT}`;
    throw new FatalError(`table: ${name} does not exist; ${wayOut}`);
  }
  const created = config.create && (await createMissing(config, name, found, options));
  if (created) return;
  // Another process created it first, or this identity may not read it.
  const made = found === 'denied' ? found : await lookUp(bigquery, config, name);
  if (typeof made === 'object') return assertAlike(config, name, made, options.hasHook);
  if (made === 'missing') throw new RetryableError(`table: ${name} no longer exists`);
  warnOfSkippedCheck(options.telemetry, {
    setting: 'table',
    resource: name,
    permission: 'bigquery.tables.get',
    unchecked: 'that the table exists, and has the columns of table.schema',
  });
}

async function lookUp(
  bigquery: BigQuery,
  config: TableConfig,
  name: string,
): Promise<TableResource | 'missing' | 'denied'> {
  try {
    return await readTable(bigquery, config);
  } catch (thrown) {
    if (errorCode(thrown) === NOT_FOUND) return 'missing';
    if (isDenied(thrown)) return 'denied';
    throw asHttpStartError('table', name, thrown);
  }
}

function assertAlike(config: TableConfig, name: string, found: TableResource, hasHook: boolean): void {
  const differences = tableDifferences(config.schema, found, hasHook);
  if (differences.length === 0) return;
  const lines = differences.map(({ path, problem }) => `  ${path === '' ? name : `${path}:`} ${problem}`);
  throw new RetryableError(
    `table.schema: the table ${name} is not as configured; change the table or table.schema\n${lines.join('\n')}`,
  );
}

/** Creates the dataset and the table. Returns false if the table already existed, or may exist but cannot be read. */
async function createMissing(
  { datasetId }: TableConfig,
  name: string,
  found: 'missing' | 'denied',
  { telemetry, createDataset, createTable }: EnsureTableOptions,
): Promise<boolean> {
  const dataset = await tryToCreate(createDataset);
  if (dataset === 'created') telemetry.event('resource.created', { 'table.datasetId': datasetId });
  // An existing dataset may deny creation; creating the table still succeeds then.
  else if (dataset !== 'exists' && !isDenied(dataset.thrown)) {
    throw asHttpStartError('table.datasetId', datasetId, dataset.thrown);
  }
  const table = await tryToCreate(createTable);
  if (table === 'created') {
    telemetry.event('resource.created', { 'table.tableId': name });
    return true;
  }
  if (table === 'exists') return false;
  if (found === 'denied' && isDenied(table.thrown)) return false;
  const isDatasetMissing = errorCode(table.thrown) === NOT_FOUND && typeof dataset === 'object';
  throw isDatasetMissing
    ? asHttpStartError('table.datasetId', datasetId, dataset.thrown)
    : asHttpStartError('table.tableId', name, table.thrown);
}

async function tryToCreate(create: Create): Promise<'created' | 'exists' | { readonly thrown: unknown }> {
  try {
    return await create();
  } catch (thrown) {
    return { thrown };
  }
}
