/** The work of icestore as usually written: the high-level client with its defaults, `gzip: true`. */
import { type Message, PubSub } from '@google-cloud/pubsub';
import { defaultStorage } from '../lib/clients.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const meter = new Meter(own);
const bucket = defaultStorage(own.projectId).bucket(names.bucket);
await bucket.create();
let waiting: Message[] = [];
let objects = 0;

async function write(): Promise<void> {
  const batch = waiting;
  waiting = [];
  if (batch.length === 0) return;
  objects += 1;
  const lines = batch.map((message) => {
    const envelope = JSON.parse(message.data.toString('utf8'));
    return `${JSON.stringify({ ...envelope, attributes: message.attributes, archivedAt: new Date() })}\n`;
  });
  await bucket.file(`raw/${objects}.jsonl.gz`).save(lines.join(''), { gzip: true });
  for (const message of batch) {
    message.ack();
    meter.settled({ payload: message.data });
  }
}

setInterval(() => void write(), own.delayMs);
new PubSub({ projectId: own.projectId }).subscription(names.subscription).on('message', (message) => {
  waiting.push(message);
  if (waiting.length >= 1_000) void write();
});
meter.ready();
