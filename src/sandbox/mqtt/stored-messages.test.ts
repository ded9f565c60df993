import { connect, type IPublishPacket, type MqttClient } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';
import { startMqtt } from './start-mqtt.ts';

const BACKLOG = 500;
const RESUMED = 3;

interface Subscriber {
  readonly client: MqttClient;
  readonly packets: IPublishPacket[];
  readonly texts: Set<string>;
}

suite("The sandbox's MQTT sessions", (it) => {
  const { test } = it;
  const scope = testScope(it);

  const open = async () => {
    const broker = scope.use(await startMqtt());
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const connected = async (client: MqttClient) => {
      scope.defer(() => client.endAsync(true));
      await new Promise((resolve) => client.once('connect', resolve));
      return client;
    };
    return {
      publisher: await connected(connect(url, { reconnectPeriod: 0 })),
      resume: async (): Promise<Subscriber> => {
        const client = connect(url, { clientId: 'subscriber', clean: false, reconnectPeriod: 0 });
        const packets: IPublishPacket[] = [];
        const texts = new Set<string>();
        client.on('message', (_topic, payload, packet) => {
          packets.push(packet);
          texts.add(payload.toString());
        });
        return { client: await connected(client), packets, texts };
      },
    };
  };

  test('messages published while a session with a backlog resumes do not end the connection', async () => {
    const { publisher, resume } = await open();
    const { client } = await resume();
    await client.subscribeAsync('a/#', { qos: 1 });
    await client.endAsync();
    let published = 0;
    const publish = () => {
      published += 1;
      return publisher.publishAsync('a/b', `${published}`, { qos: 1 });
    };
    const all = new Set<string>();
    for (let session = 0; session < RESUMED; session += 1) {
      await Promise.all(Array.from({ length: BACKLOG }, publish));
      let goesOn = true;
      const pumping = Promise.all(
        Array.from({ length: 20 }, async () => {
          while (goesOn) await publish();
        }),
      );
      const resumed = await resume();
      let closed = false;
      resumed.client.on('close', () => {
        closed = true;
      });
      await eventually(() => assert.ok(closed || resumed.packets.length > 2 * BACKLOG));
      goesOn = false;
      await pumping;
      await eventually(() => {
        assert.not(closed, 'the broker has ended the connection');
        for (const text of resumed.texts) all.add(text);
        assert.is(all.size, published);
      });
      await resumed.client.endAsync();
    }
  });

  test('a message that matches two filters of a session arrives, and removes no other', async () => {
    const { publisher, resume } = await open();
    const first = await resume();
    await first.client.subscribeAsync(['a/#', 'a/+'], { qos: 1 });
    const texts = Array.from({ length: 100 }, (_, index) => `${index}`);
    await Promise.all(texts.map((text) => publisher.publishAsync('a/b', text, { qos: 1 })));
    await eventually(() => assert.is(first.texts.size, texts.length));
    assert.ok(first.client.connected);
    await first.client.endAsync();
    const later = texts.map((text) => `later ${text}`);
    await Promise.all(later.map((text) => publisher.publishAsync('a/b', text, { qos: 1 })));
    const second = await resume();
    await publisher.publishAsync('a/b', 'last', { qos: 1 });
    await eventually(() => assert.is(second.texts.size, later.length + 1));
    assert.ok(second.client.connected);
  });

  test('RETAIN marks messages sent after SUBSCRIBE, not those queued for a session', async () => {
    const { publisher, resume } = await open();
    const { client } = await resume();
    await client.subscribeAsync('a/#', { qos: 1 });
    await client.endAsync();
    await publisher.publishAsync('a/b', 'text', { qos: 1, retain: true });
    const { packets, client: resumed } = await resume();
    await eventually(() => assert.is(packets.length, 1));
    await resumed.subscribeAsync('a/#', { qos: 1 });
    await eventually(() => assert.is(packets.length, 2));
    assert.equal(
      packets.map(({ retain }) => retain),
      [false, true],
    );
  });
});
