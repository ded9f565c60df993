/** The work of bigqueries by the bare clients: pull, the same rows, one `insertAll` request of 500. */
import { barePull } from '../lib/bare-pull.ts';
import { defaultBigQuery } from '../lib/clients.ts';
import { handBatches } from '../lib/hand-batches.ts';
import { Meter } from '../lib/meter.ts';
import { rowOf, TABLE } from '../lib/row.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const meter = new Meter(own);
const bigquery = defaultBigQuery(own.projectId);
await bigquery.createDataset(names.dataset);
const [table] = await bigquery.dataset(names.dataset).createTable(names.table, TABLE);
const batches = handBatches<{ ackId: string; payload: Buffer; row: object }>(
  { maxCount: 500, delayMs: own.delayMs, concurrency: 4 },
  async (batch) => {
    const [reply] = await table.request({
      method: 'POST',
      uri: '/insertAll',
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.from(JSON.stringify({ skipInvalidRows: true, rows: batch.map(({ row }) => row) })),
    });
    if (reply.insertErrors !== undefined) throw new Error(JSON.stringify(reply.insertErrors));
    for (const { ackId, payload } of batch) {
      ack(ackId);
      meter.settled({ payload });
    }
  },
);
const { ack } = await barePull(own, (pulled) => {
  for (const { ackId, message } of pulled) {
    const envelope = JSON.parse(message.data.toString('utf8'));
    const payload = own.paced ? Buffer.from(envelope.payload, 'base64') : message.data;
    batches.add({ ackId, payload, row: rowOf(envelope, message.attributes) });
  }
});
meter.ready();
