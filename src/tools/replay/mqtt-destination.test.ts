import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { mqttSourceSchema } from '../../connectors/mqtt/config.ts';
import { PoisonError, RetryableError, toError } from '../../core/errors.ts';
import { freePort } from '../../sandbox/free-port.ts';
import { eventually } from '../../testing/eventually.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../../testing/mosquitto.ts';
import { suite } from '../../testing/suite.ts';
import { mqttDestination } from './mqtt-destination.ts';

const settings = (url: string) => v.parse(mqttSourceSchema, { url, clientId: 'ingestion-0' });
const original = (topic: string | undefined, data: Buffer) => ({
  data,
  attributes: topic === undefined ? {} : { mqtt_topic: topic },
  orderingKey: '',
});
const failureOf = (work: Promise<unknown>): Promise<Error | undefined> => work.then(() => undefined, toError);

suite('replay over MQTT', ({ test, skip, before, after }) => {
  test('an unreachable broker fails, and the error names the setting', async () => {
    const failure = await failureOf(mqttDestination(settings(`mqtt://127.0.0.1:${await freePort()}`)));
    assert.instance(failure, RetryableError);
    assert.match(failure?.message ?? '', /^mqtt\.url: /);
  });

  const onMosquitto = 'is confirmed by the broker, with its own client id';
  if (findMosquitto() === undefined) {
    skip(onMosquitto, 'mosquitto is not installed');
    return;
  }
  let broker: Mosquitto;
  before(async () => {
    broker = await startMosquitto();
  });
  after(() => broker?.close());

  test(onMosquitto, async () => {
    const running = await connectAsync(broker.url, { clientId: 'ingestion-0', protocolVersion: 5 });
    let evictions = 0;
    running.on('close', () => {
      evictions += 1;
    });
    const received: Buffer[] = [];
    running.on('message', (_, payload) => received.push(payload));
    await running.subscribeAsync('devices/+', { qos: 1 });
    const destination = await mqttDestination(settings(broker.url));
    const data = Buffer.from([0xff, 0x00]);
    await destination.send(original('devices/1', data));
    await eventually(() => assert.equal(received, [data]));
    assert.is(evictions, 0, 'the running ingestion keeps its connection');

    const dropped = await failureOf(destination.send(original('nobody/listens', data)));
    assert.instance(dropped, PoisonError);
    assert.match(dropped?.message ?? '', 'nobody/listens has no subscribers');
    assert.match(
      (await failureOf(destination.send(original(undefined, data))))?.message ?? '',
      'no attribute mqtt_topic',
    );
    await destination.close();
    await running.endAsync();
  });
});
