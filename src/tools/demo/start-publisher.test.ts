import { connect } from 'mqtt';
import * as assert from 'uvu/assert';
import { freePort } from '../../sandbox/free-port.ts';
import { startMqtt } from '../../sandbox/mqtt/start-mqtt.ts';
import { eventually } from '../../testing/eventually.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { startPublisher } from './start-publisher.ts';

suite('The publisher of the demo', (it) => {
  const { test } = it;
  const scope = testScope(it);

  const open = async (port: number, messages: number, ratePerSecond?: number) => {
    const fleet = { devices: 10, seed: 1, runId: 'run' };
    const publisher = await startPublisher({ url: `mqtt://127.0.0.1:${port}`, messages, ratePerSecond, fleet });
    scope.defer(() => publisher.close());
    return publisher;
  };

  test('publishes every reading, and counts what the broker has confirmed', async () => {
    const { port } = scope.use(await startMqtt());
    const topics: string[] = [];
    const subscriber = connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
    scope.defer(() => subscriber.endAsync(true));
    subscriber.on('message', (topic) => topics.push(topic));
    await subscriber.subscribeAsync('sites/#', { qos: 1 });
    const publisher = await open(port, 1_000);
    assert.is(publisher.confirmed, 0);
    await publisher.publish(new AbortController().signal);
    assert.is(publisher.confirmed, 1_000);
    await eventually(() => assert.is(topics.length, 1_000));
  });

  test('publishes no more after the signal', async () => {
    const { port } = scope.use(await startMqtt());
    const publisher = await open(port, 100_000, 100);
    const stopped = new AbortController();
    const published = publisher.publish(stopped.signal);
    await eventually(() => assert.ok(publisher.confirmed > 0));
    stopped.abort();
    await published;
    assert.ok(publisher.confirmed < 100_000);
  });

  test('rejects if there is no broker', async () => {
    const publisher = await open(await freePort(), 1);
    const error = await publisher.publish(new AbortController().signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.instance(error, Error);
  });
});
