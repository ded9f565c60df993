/** CPU time of inserting ready rows, 500 per request, by our inserter or by the client's `table.insert`. */
import { insertRows } from '../../src/connectors/bigquery/inserter.ts';
import { defaultBigQuery } from '../lib/clients.ts';
import { Meter } from '../lib/meter.ts';
import { envelopeOf, payloadOf } from '../lib/reading.ts';
import { rowOf, TABLE } from '../lib/row.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const meter = new Meter(own);
const bigquery = defaultBigQuery(own.projectId);
await bigquery.createDataset(names.dataset);
const [table] = await bigquery.dataset(names.dataset).createTable(names.table, TABLE);
const ROWS = 500;
const NOTHING = { payload: Buffer.alloc(0) };
// Created before the measurement begins, which covers only inserting.
const batches = Array.from({ length: own.messages / ROWS }, (_, batch) =>
  Array.from({ length: ROWS }, (_, offset) => {
    const index = batch * ROWS + offset;
    return rowOf(JSON.parse(envelopeOf(index, own.devices, payloadOf(index, own.devices, 200)).toString('utf8')), {});
  }),
);
for (const rows of batches) {
  if (process.argv[3] === 'table.insert') await table.insert(rows, { raw: true });
  else {
    const texts = rows.map((row) => JSON.stringify(row));
    const results = await insertRows(bigquery, names.dataset, names.table, texts);
    if (results.some((result) => result !== undefined)) throw new Error('a row was refused');
  }
  for (let row = 0; row < ROWS; row += 1) meter.settled(NOTHING);
}
