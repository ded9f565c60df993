import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createStorageClient } from '../src/clients/storage.ts';
import { decodeEnvelope } from '../src/core/envelope.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { ingestionSchema } from '../src/services/ingestion/config.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suite } from '../src/testing/suite.ts';
import { type LettersRig, startLettersRig } from './letters-rig.ts';

const QUIET = { telemetry: { level: 'silent' } };

/** Text that no compression or encoding would leave as it is by chance. */
function largeData(bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  for (let index = 0; index < bytes; index += 1) data[index] = (index * 31 + (index >> 8)) & 0xff;
  return data;
}

suite('dead letters that do not fit into Pub/Sub', ({ test, before, after }) => {
  let rig: LettersRig;
  before(async () => {
    rig = await startLettersRig();
  });
  after(() => rig?.close());

  const shown = async (pipeline: string, id: string) => {
    const { code, stdout, output } = await rig.run('show', pipeline, id, '--json');
    assert.is(code, 0, output);
    return JSON.parse(stdout);
  };

  test('9.5 MB and 100 attributes from Pub/Sub: kept in the bucket, shown, and replayed byte by byte', async () => {
    const [input, dead] = [await rig.newTopic('in'), await rig.newTopic('dead')];
    const storage = createStorageClient({ projectId: rig.sandbox.projectId });
    const bucket = `letters-${input}`;
    await storage.createBucket(bucket);
    const config = {
      ...{ service: 'icestore', ...rig.common, source: { subscriptionId: input } },
      ...{ bucket: { name: `archive-${input}`, create: true }, archive: { maxAgeMs: 100 } },
      deadLetters: { topicId: dead, subscriptionId: dead, bucket },
    };
    const service = createIcestore(v.parse(icestoreSchema, config), QUIET);
    await service.start();
    await service.ready;
    const large = largeData(9_500_000);
    const attributes = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`name-${index}`, `value ${index}`]),
    );
    await rig.pubsub.topic(input).publishMessage({ data: large, attributes: { uid: 'u1' }, orderingKey: 'k1' });
    await rig.pubsub.topic(input).publishMessage({ data: Buffer.from('no envelope'), attributes });
    await eventually(() => assert.is(service.ledger.deadLettered, 2));
    assert.is((await service.shutdown()).abandoned, 0);

    const pipeline = rig.pipeline(config);
    const { letters } = await rig.list(pipeline);
    assert.is(letters.length, 2);
    for (const { object, truncated } of letters) {
      assert.match(
        object ?? '',
        new RegExp(`^gs://${bucket}/dead-letters/icestore/\\d{4}/\\d\\d/\\d\\d/[0-9a-f]{64}\\.json$`),
      );
      assert.not(truncated);
    }
    // One after the other: each holds the letters of the subscription while it looks for its own.
    const originals = [];
    for (const { id } of letters) originals.push(await shown(pipeline, id));
    const ofLarge = originals.find(({ bytes }) => bytes === 9_500_000);
    assert.ok(Buffer.from(ofLarge.original.data, 'base64').equals(large));
    assert.equal([ofLarge.original.attributes, ofLarge.original.orderingKey], [{ uid: 'u1' }, 'k1']);
    const ofMany = originals.find(({ bytes }) => bytes === 11);
    assert.equal(ofMany.original.attributes, attributes);

    const again = rig.collect(input);
    const { code, output } = await rig.run('replay', pipeline);
    assert.is(code, 0, output);
    await eventually(() => assert.is(again.length, 2));
    const replayed = again.find(({ data }) => data.byteLength === large.byteLength);
    assert.ok(replayed?.data.equals(large));
    assert.equal([replayed?.attributes, replayed?.orderingKey], [{ uid: 'u1' }, 'k1']);
    assert.equal(again.find(({ data }) => data.byteLength === 11)?.attributes, attributes);
    assert.equal((await rig.list(pipeline)).letters, []);
  });

  test('an MQTT payload of 12 MB: red while the bucket is away, then kept; replayed over MQTT', async () => {
    const [output, dead] = [await rig.newTopic('raw'), await rig.newTopic('mqtt-dead')];
    const storage = createStorageClient({ projectId: rig.sandbox.projectId });
    const bucket = `letters-${output}`;
    await storage.createBucket(bucket);
    const config = {
      ...{ service: 'ingestion', ...rig.common },
      mqtt: { url: rig.sandbox.env.MQTT_URL, clientId: output, protocolVersion: 4 },
      routes: { all: { source: { mqtt_topic: 'big/+', qos: 1 }, destination: { route_name: 'raw' } } },
      producers: { raw: { outputTopicId: output } },
      deadLetters: { topicId: dead, subscriptionId: dead, bucket },
    };
    const service = createIngestion(v.parse(ingestionSchema, config), QUIET);
    await service.start();
    await service.ready;
    const client = await connectAsync(rig.sandbox.env.MQTT_URL ?? '');
    const received: Buffer[] = [];
    client.on('message', (_, payload) => received.push(payload));
    await storage.bucket(bucket).delete();
    const large = largeData(12_000_000);
    await client.publishAsync('big/one', large, { qos: 1 });
    await eventually(async () => {
      const report = await (await fetch(`${service.url}/readyz`)).json();
      assert.match(JSON.stringify(report), 'dead_letter_bucket');
      assert.match(JSON.stringify(report), 'failing');
    });
    assert.is(service.ledger.deadLettered, 0);
    await storage.createBucket(bucket);
    await eventually(() => assert.is(service.ledger.deadLettered, 1));
    await eventually(async () => assert.is((await fetch(`${service.url}/readyz`)).status, 200));

    const pipeline = rig.pipeline(config);
    const [letter] = (await rig.list(pipeline)).letters;
    const { original, source, attempt, reason } = await shown(pipeline, letter?.id ?? '');
    assert.equal([source, attempt, reason], ['mqtt:big/one', 1, 'too_large']);
    assert.ok(Buffer.from(original.data, 'base64').equals(large));
    assert.is((await service.shutdown()).abandoned, 0);

    await client.subscribeAsync('big/+', { qos: 1 });
    const { code, output: printed } = await rig.run('replay', pipeline);
    assert.is(code, 0, printed);
    await eventually(() => assert.is(received.length, 1));
    assert.ok(received[0]?.equals(large));
    await client.endAsync();
  });

  test('without a bucket they are cut, say so, and are not replayed', async () => {
    const [input, dead] = [await rig.newTopic('cut-in'), await rig.newTopic('cut-dead')];
    const config = {
      ...{ service: 'icestore', ...rig.common, source: { subscriptionId: input } },
      ...{ bucket: { name: `archive-${input}`, create: true }, archive: { maxAgeMs: 100 } },
      deadLetters: { topicId: dead, subscriptionId: dead },
    };
    const service = createIcestore(v.parse(icestoreSchema, config), QUIET);
    await service.start();
    await service.ready;
    await rig.pubsub.topic(input).publishMessage({ data: largeData(9_500_000) });
    await rig.pubsub.topic(input).publishMessage({ data: Buffer.from('whole') });
    await eventually(() => assert.is(service.ledger.deadLettered, 2));
    assert.is((await service.shutdown()).abandoned, 0);
    const pipeline = rig.pipeline(config);
    const { code, stdout, output } = await rig.run('replay', pipeline, '--json');
    assert.is(code, 1, output);
    const report = JSON.parse(stdout);
    assert.is(report.replayed, 1);
    assert.match(report.left[0].error, 'truncated');
    const { letters: left } = await rig.list(pipeline);
    assert.equal(
      left.map(({ id, truncated }) => [id, truncated]),
      [[report.left[0].id, true]],
    );
    const { original } = await shown(pipeline, report.left[0].id);
    assert.is(Buffer.from(original.data, 'base64').byteLength, 9_000_000);
    assert.throws(() => decodeEnvelope(Buffer.from(original.data, 'base64')), /no JSON envelope/);
  });
});
