/** The work of enrich with the bare client: a Map for the lookup, publish requests of 1,000, eight in flight. */
import { barePull } from '../lib/bare-pull.ts';
import { handBatches } from '../lib/hand-batches.ts';
import { Meter } from '../lib/meter.ts';
import { deviceName, recordOf } from '../lib/reading.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const meter = new Meter(own);
const records = new Map(Array.from({ length: own.devices }, (_, index) => [deviceName(index), recordOf(index)]));

const { clients, ack } = await barePull(own, (pulled) => {
  for (const { ackId, message } of pulled) {
    const envelope = JSON.parse(message.data.toString('utf8'));
    const record = records.get(envelope.enrichmentData.DeviceID);
    const { enrichmentData } = envelope;
    enrichmentData.name = record?.ClientID;
    enrichmentData.location = record?.LocationID;
    enrichmentData.serviceTag = record?.Category;
    const data = Buffer.from(JSON.stringify(envelope));
    batches.add({
      ackId,
      payload: own.paced ? Buffer.from(envelope.payload, 'base64') : data,
      message: { data, attributes: message.attributes, orderingKey: '' },
    });
  }
});
const topic = clients.publisher.projectTopicsPath(own.projectId, namesOf(own).output);
const batches = handBatches<{ ackId: string; payload: Buffer; message: object }>(
  { maxCount: 1_000, delayMs: own.delayMs, concurrency: 8 },
  async (batch) => {
    await clients.publisher.publish({ topic, messages: batch.map(({ message }) => message) }, { retry: null });
    for (const { ackId, payload } of batch) {
      ack(ackId);
      meter.settled({ payload });
    }
  },
);
meter.ready();
