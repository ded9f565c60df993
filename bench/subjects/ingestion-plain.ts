/** The work of ingestion as usually written: MQTT.js acknowledges on receipt, each message is published. */
import { PubSub } from '@google-cloud/pubsub';
import { connect } from 'mqtt';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const meter = new Meter(own);
const topic = new PubSub({ projectId: own.projectId }).topic(names.output);
const client = connect(process.env.MQTT_URL ?? '', {
  clientId: names.clientId,
  protocolVersion: 5,
  clean: false,
  properties: { sessionExpiryInterval: 3_600 },
});
client.on('connect', () => meter.ready());
client.on('message', async (mqttTopic, payload) => {
  // Receives without a bound: when the first messages are settled, many others have been read.
  meter.begin();
  const data = Buffer.from(JSON.stringify({ payload: payload.toString('base64'), receivedAt: new Date() }));
  await topic.publishMessage({ data, attributes: { topic: mqttTopic } });
  meter.settled({ payload });
});
