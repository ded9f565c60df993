/** The work of bigqueries as usually written: the high-level clients with their defaults, `table.insert`. */
import { type Message, PubSub } from '@google-cloud/pubsub';
import { defaultBigQuery } from '../lib/clients.ts';
import { Meter } from '../lib/meter.ts';
import { rowOf, TABLE } from '../lib/row.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const meter = new Meter(own);
const bigquery = defaultBigQuery(own.projectId);
await bigquery.createDataset(names.dataset);
const [table] = await bigquery.dataset(names.dataset).createTable(names.table, TABLE);
let waiting: Message[] = [];

async function insert(): Promise<void> {
  const batch = waiting;
  waiting = [];
  if (batch.length === 0) return;
  const rows = batch.map((message) => rowOf(JSON.parse(message.data.toString('utf8')), message.attributes));
  await table.insert(rows, { raw: true });
  for (const message of batch) {
    message.ack();
    meter.settled({ payload: message.data });
  }
}

setInterval(() => void insert(), own.delayMs);
new PubSub({ projectId: own.projectId }).subscription(names.subscription).on('message', (message) => {
  waiting.push(message);
  if (waiting.length >= 500) void insert();
});
meter.ready();
