import { randomBytes } from 'node:crypto';
import type { Message } from '@google-cloud/pubsub';
import { PubSub } from '@google-cloud/pubsub';
import { connectAsync, type IClientPublishOptions, type MqttClient } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { decodeEnvelope } from '../src/formats/envelope/envelope.ts';
import { identityBy } from '../src/formats/identity.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { newTopic } from '../src/testing/new-topic.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { Scrape } from '../src/testing/scrape.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

type Properties = NonNullable<IClientPublishOptions['properties']>;

suite('MQTT 5 properties of messages', (it) => {
  const whole = suiteScope(it);
  const scope = testScope(it);
  const test = (name: string, body: () => Promise<void>): void => {
    if (findMosquitto() === undefined) it.skip(name, 'mosquitto is not installed');
    else it.test(name, body);
  };
  let servers: Servers;
  it.before(async () => {
    servers = await startServers(whole, { parts: ['pubsub'] });
  });

  /** An ingestion behind mosquitto, a client that publishes to it, and all messages that it has published. */
  const start = async (mqtt: object = {}, more: object = {}) => {
    const { projectId } = servers.sandbox;
    const broker = scope.use(await startMosquitto());
    const pubsub = new PubSub({ projectId });
    scope.defer(() => pubsub.close());
    const raw = await newTopic(pubsub, 'raw');
    const dead = await newTopic(pubsub, 'dead');
    const ingestion = createIngestion(
      v.parse(ingestionSchema, {
        ...{ service: 'ingestion', google: { projectId }, http: { host: '127.0.0.1', port: 0 } },
        mqtt: { url: broker.url, clientId: `properties-${randomBytes(4).toString('hex')}`, ...mqtt },
        routes: { all: { source: { mqtt_topic: 'ce/+', qos: 1 }, destination: { route_name: 'raw' } } },
        producers: { raw: { outputTopicId: raw } },
        ...{ deadLetters: { topicId: dead }, ...more },
      }),
      { telemetry: { level: 'silent' } },
    );
    scope.defer(() => ingestion.shutdown());
    await ingestion.start();
    await ingestion.ready;
    const client = await connectAsync(broker.url, { protocolVersion: 5 });
    scope.defer(() => client.endAsync());
    return {
      ingestion,
      client,
      messages: collectMessages(scope, pubsub, raw),
      dead: collectMessages(scope, pubsub, dead),
    };
  };

  const publish = (client: MqttClient, properties?: Properties, payload: string | Buffer = '{"v":1}') =>
    client.publishAsync('ce/a', payload, { qos: 1, ...(properties && { properties }) });

  const received = async (messages: readonly Message[], count = 1): Promise<Message> => {
    await eventually(() => assert.is(messages.length, count));
    const latest = messages.at(-1);
    if (latest === undefined) throw new Error('no message');
    return latest;
  };
  test('arrive as attributes: those of a CloudEvent under their names', async () => {
    const { client, messages } = await start();
    await publish(client, {
      userProperties: { id: 'e-1', source: '/pumps/7', type: ['reading', 'second'], specversion: '1.0', empty: '' },
      contentType: 'application/json; charset=utf-8',
      responseTopic: 'ce/answer',
      correlationData: Buffer.from([0, 255, 97]),
      payloadFormatIndicator: true,
      messageExpiryInterval: 600,
    });
    const { attributes, data } = await received(messages);
    assert.equal(attributes, {
      mqtt_topic: 'ce/a',
      route_name: 'raw',
      id: 'e-1',
      source: '/pumps/7',
      type: 'reading,second',
      specversion: '1.0',
      empty: '',
      mqtt_content_type: 'application/json; charset=utf-8',
      mqtt_response_topic: 'ce/answer',
      mqtt_correlation_data: 'AP9h',
    });
    assert.is(Buffer.from(decodeEnvelope(data).payload).toString(), '{"v":1}');
  });

  test('messages without properties have the attributes of their topic', async () => {
    const { client, messages } = await start();
    await publish(client);
    assert.equal((await received(messages)).attributes, { mqtt_topic: 'ce/a', route_name: 'raw' });
    await publish(client, { messageExpiryInterval: 600 });
    assert.equal((await received(messages, 2)).attributes, { mqtt_topic: 'ce/a', route_name: 'raw' });
  });

  test("cannot set a service's own attributes: such names get a prefix, and a message's identity stays", async () => {
    const { client, messages } = await start({}, { id: 'payload.v' });
    const names = [
      'mqtt_topic',
      'route_name',
      'dlq_reason',
      'GoogClient_x',
      'googclient_traceparent',
      'uid',
      'location',
      '',
    ];
    await publish(client);
    const plain = await received(messages);
    await publish(client, { userProperties: Object.fromEntries(names.map((name) => [name, 'forged'])) });
    const { attributes, data } = await received(messages, 2);
    assert.equal(attributes, {
      ...{ mqtt_topic: 'ce/a', route_name: 'raw' },
      ...Object.fromEntries(names.map((name) => [`mqtt_user_${name}`, 'forged'])),
    });
    const identityOf = (envelope: Uint8Array, own: Message['attributes']) =>
      identityBy({ publishTime: false })({ ...decodeEnvelope(envelope), attributes: own });
    assert.is(identityOf(data, attributes), identityOf(plain.data, plain.attributes));
  });

  test('properties that Pub/Sub refuses are left out and counted, and the message arrives', async () => {
    const { ingestion, client, messages, dead } = await start();
    await publish(client, {
      userProperties: {
        kept: 'v'.repeat(1_024),
        tooLong: 'ü'.repeat(513),
        ['n'.repeat(257)]: 'v',
        joined: ['v'.repeat(1_000), 'v'.repeat(30), 'last'],
      },
      correlationData: Buffer.alloc(800),
      contentType: 'text/plain',
    });
    const first = await received(messages);
    assert.equal(Object.keys(first.attributes).sort(), [
      'joined',
      'kept',
      'mqtt_content_type',
      'mqtt_topic',
      'route_name',
    ]);
    assert.is(first.attributes.joined, `${'v'.repeat(1_000)},last`);
    await publish(client, {
      userProperties: Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`p${index}`, 'v'])),
      contentType: 'text/plain',
    });
    const { attributes } = await received(messages, 2);
    assert.ok(Object.keys(attributes).length <= 100 && Object.keys(attributes).length > 90);
    assert.equal([attributes.mqtt_content_type, attributes.p0, attributes.route_name], ['text/plain', 'v', 'raw']);
    // With them, it would exceed the maximum size of a request.
    const large = Buffer.alloc(7_450_000, 'x');
    await publish(
      client,
      {
        userProperties: Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`p${index}`, 'v'.repeat(1_024)])),
      },
      large,
    );
    const third = await received(messages, 3);
    assert.equal(third.attributes, { mqtt_topic: 'ce/a', route_name: 'raw' });
    const counted = new Scrape(await ingestion.telemetry.registry.metrics());
    assert.is(counted.events('mqtt.properties_left_out'), 3);
    assert.is(dead.length, 0);
  });

  test('are kept in dead letters', async () => {
    const { client, dead } = await start({ maxPayloadBytes: 10 });
    await publish(client, { userProperties: { type: 'reading' }, contentType: 'text/plain' }, 'much too long for it');
    const { attributes } = await received(dead);
    assert.equal(
      [attributes.dlq_reason, attributes.type, attributes.mqtt_content_type],
      ['too_large', 'reading', 'text/plain'],
    );
  });

  test('are ignored if mqtt.propertiesAsAttributes is false', async () => {
    const { client, messages } = await start({ propertiesAsAttributes: false });
    await publish(client, { userProperties: { type: 'reading' }, contentType: 'text/plain' });
    assert.equal((await received(messages)).attributes, { mqtt_topic: 'ce/a', route_name: 'raw' });
  });
});
