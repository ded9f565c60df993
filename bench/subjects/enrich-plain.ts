/** The work of enrich as usually written: the high-level client with its defaults, a handler that awaits. */
import { PubSub } from '@google-cloud/pubsub';
import { Meter } from '../lib/meter.ts';
import { deviceName, recordOf } from '../lib/reading.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const meter = new Meter(own);
const records = new Map(Array.from({ length: own.devices }, (_, index) => [deviceName(index), recordOf(index)]));
const pubsub = new PubSub({ projectId: own.projectId });
const topic = pubsub.topic(names.output);
pubsub.subscription(names.subscription).on('message', async (message) => {
  const envelope = JSON.parse(message.data.toString('utf8'));
  const record = records.get(envelope.enrichmentData.DeviceID);
  const enrichmentData = {
    ...envelope.enrichmentData,
    name: record?.ClientID,
    location: record?.LocationID,
    serviceTag: record?.Category,
  };
  const data = Buffer.from(JSON.stringify({ ...envelope, enrichmentData }));
  await topic.publishMessage({ data, attributes: message.attributes });
  message.ack();
  meter.settled({ payload: message.data });
});
meter.ready();
