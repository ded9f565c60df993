import type { BigQuery } from '@google-cloud/bigquery';
import { asHttpStartError } from '../../clients/http-errors.ts';
import { errorCode, FatalError } from '../../core/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { TableConfig } from './config.ts';
import { tableOptions } from './table-options.ts';

const NOT_FOUND = 404;
const EXISTS_ALREADY = 409;

/**
 * Checks at start that the table exists; with `create`, makes the dataset and the table where they are missing.
 *
 * @throws FatalError naming the setting, or RetryableError while BigQuery cannot be reached.
 */
export async function ensureTable(bigquery: BigQuery, config: TableConfig, telemetry: Telemetry): Promise<void> {
  const dataset = bigquery.dataset(config.datasetId);
  const table = dataset.table(config.tableId);
  const name = `${config.datasetId}.${config.tableId}`;
  try {
    await table.getMetadata();
    return;
  } catch (thrown) {
    if (errorCode(thrown) !== NOT_FOUND) throw asHttpStartError('table', name, thrown);
    if (!config.create) {
      throw new FatalError(`table: ${name} does not exist; create it, or set table.create to true`, { cause: thrown });
    }
  }
  await created('table.datasetId', config.datasetId, telemetry, () =>
    bigquery.createDataset(config.datasetId, config.location === undefined ? {} : { location: config.location }),
  );
  await created('table.tableId', name, telemetry, () => dataset.createTable(config.tableId, tableOptions(config)));
}

/** Creates a thing; that somebody else was faster is success too. */
async function created(
  setting: string,
  name: string,
  telemetry: Telemetry,
  create: () => Promise<unknown>,
): Promise<void> {
  try {
    await create();
    telemetry.event('resource.created', { [setting]: name });
  } catch (thrown) {
    if (errorCode(thrown) !== EXISTS_ALREADY) throw asHttpStartError(setting, name, thrown);
  }
}
