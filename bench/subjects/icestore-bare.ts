/** The work of icestore by the bare clients: pull, the same lines, gzip on libuv's pool, upload. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { barePull } from '../lib/bare-pull.ts';
import { defaultStorage } from '../lib/clients.ts';
import { handBatches } from '../lib/hand-batches.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const meter = new Meter(own);
const compress = promisify(gzip);
const bucket = defaultStorage(own.projectId).bucket(namesOf(own).bucket);
await bucket.create();
let objects = 0;
const batches = handBatches<{ ackId: string; payload: Buffer; line: string }>(
  { maxCount: 1_000, delayMs: own.delayMs, concurrency: 4 },
  async (batch) => {
    objects += 1;
    const body = await compress(batch.map(({ line }) => line).join(''));
    await bucket.file(`raw/${objects}.jsonl.gz`).save(body, { resumable: false, contentType: 'application/gzip' });
    for (const { ackId, payload } of batch) {
      ack(ackId);
      meter.settled({ payload });
    }
  },
);
const { ack } = await barePull(own, (pulled) => {
  for (const { ackId, message } of pulled) {
    const envelope = JSON.parse(message.data.toString('utf8'));
    const line = `${JSON.stringify({
      id: envelope.id,
      batchKey: '2026/01/01/berlin',
      originalPubSubPayload: envelope.payload,
      archivedAt: new Date().toISOString(),
      publishTime: envelope.publishTime,
      attributes: message.attributes,
      enrichmentData: envelope.enrichmentData,
    })}\n`;
    batches.add({ ackId, payload: own.paced ? Buffer.from(envelope.payload, 'base64') : message.data, line });
  }
});
meter.ready();
