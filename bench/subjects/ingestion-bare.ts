/**
 * Bare MQTT.js with deferred PUBACKs that are written once per turn. It discards the messages, or publishes them with
 * the bare Pub/Sub client in hand-made batches.
 */
import { connect, type IPublishPacket } from 'mqtt';
import { createPubSubClients } from '../../src/connectors/pubsub/client.ts';
import { handBatches } from '../lib/hand-batches.ts';
import { Meter } from '../lib/meter.ts';
import { namesOf, task } from '../lib/task.ts';

const own = task();
const names = namesOf(own);
const meter = new Meter(own);
const { publisher } = await createPubSubClients({ projectId: own.projectId });
const topic = publisher.projectTopicsPath(own.projectId, names.output);
const client = connect(process.env.MQTT_URL ?? '', {
  clientId: names.clientId,
  protocolVersion: 5,
  clean: false,
  manualConnect: true,
  resubscribe: false,
  properties: { sessionExpiryInterval: 3_600, receiveMaximum: own.maxInFlight },
});

let owed: Buffer[] = [];
let inFlight = 0;
/** The callback of the parser, which waits for the message's settlement. */
let held: (() => void) | undefined;
const later = new Error('acknowledged later');

function settled(packet: IPublishPacket): void {
  const { messageId = 0 } = packet;
  if (owed.push(Buffer.from([0x40, 0x02, messageId >> 8, messageId & 0xff])) === 1) {
    setImmediate(() => {
      client.stream.write(Buffer.concat(owed));
      owed = [];
    });
  }
  inFlight -= 1;
  held?.();
  held = undefined;
  meter.settled(packet);
}

const batches = handBatches<{ packet: IPublishPacket; message: object }>(
  // Like our service: a request takes half of the messages that may be in flight, so that the other half is received in
  // the meantime.
  { maxCount: Math.min(1_000, own.maxInFlight / 2), delayMs: own.delayMs, concurrency: 8 },
  async (batch) => {
    await publisher.publish({ topic, messages: batch.map(({ message }) => message) }, { retry: null });
    for (const { packet } of batch) settled(packet);
  },
);

client.handleMessage = (packet, callback) => {
  if (own.publishes) batches.add({ packet, message: { data: packet.payload, attributes: { topic: packet.topic } } });
  else setImmediate(settled, packet);
  inFlight += 1;
  // The broker's bound is the client's Receive Maximum, which mosquitto 2.0.11 does not respect.
  if (inFlight >= own.maxInFlight) held = () => callback(later);
  else callback(later);
};
client.on('connect', () => meter.ready());
client.connect();
