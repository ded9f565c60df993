import { type Message, PubSub } from '@google-cloud/pubsub';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { createArchiveToReplay } from '../../testing/archive-to-replay.ts';
import { collectMessages } from '../../testing/collect-messages.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTopic } from '../../testing/new-topic.ts';
import { runReplay } from '../../testing/replay-cli.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('the command replay', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let pubsub: PubSub;

  before(async () => {
    ({ sandbox } = await startServers(scope, { parts: ['mqtt', 'pubsub', 'storage'] }));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    await createArchiveToReplay(sandbox.projectId);
  });

  /** Creates a topic with a subscription, and collects its messages. */
  const topic = async (): Promise<{ name: string; messages: readonly Message[] }> => {
    const name = await newTopic(pubsub, 'replayed', { enableMessageOrdering: true });
    return { name, messages: collectMessages(scope, pubsub, name) };
  };

  test('publishes envelopes to a topic, in the order of each device', async () => {
    const { name, messages } = await topic();
    const { code, report, output } = await runReplay(
      ...['gs://archive/own', '--to', 'pubsub', '--topic', name, '--speed', 'max', '--json'],
    );
    assert.is(code, 0, output);
    assert.equal([report.objects, report.lines, report.replayed, report.unsent], [2, 1_000, 1_000, 0]);
    await eventually(() => assert.is(messages.length, 1_000));
    for (const device of ['a', 'b']) {
      const own = messages
        .filter(({ orderingKey }) => orderingKey === device)
        .map(({ data }) => JSON.parse(data.toString()).id);
      assert.equal(
        own,
        Array.from({ length: 500 }, (_, index) => `${device}-${index}`),
      );
    }
    const [first] = messages;
    const { id, payload, publishTime, enrichmentData, ...rest } = JSON.parse(String(first?.data));
    assert.equal(rest, {});
    assert.is(id, `${JSON.parse(Buffer.from(payload, 'base64').toString('utf8')).device_id}-0`);
    assert.is(publishTime, '2026-01-01T00:00:00.000Z');
    assert.equal(enrichmentData, { DeviceID: first?.orderingKey });
    assert.is(first?.attributes.route_name, 'raw');
  });

  test('accepts lines of the Go platform, also with envelopes, and of other programs', async () => {
    const { name, messages } = await topic();
    const { code, output } = await runReplay(
      ...['archive/foreign', '--to', 'pubsub', '--topic', name, '--speed', 'max', '--json'],
    );
    assert.is(code, 0, output);
    await eventually(() => assert.is(messages.length, 3));
    const sent = new Map(
      messages.map(({ data, orderingKey }) => {
        const envelope = JSON.parse(data.toString());
        return [envelope.id, { ...envelope, text: data.toString(), orderingKey }] as const;
      }),
    );
    assert.equal([...sent.keys()].sort(), ['0', '7', 'a2']);
    assert.equal(
      ['0', '7', 'a2'].map((id) => sent.get(id)?.publishTime),
      ['2026-03-04T05:06:08Z', '2026-03-04T05:06:07.123456789Z', '2026-03-04T05:06:08Z'],
    );
    const { payload, orderingKey, text } = sent.get('7') ?? {};
    assert.is(JSON.parse(Buffer.from(payload, 'base64').toString()).message_id, 'g1', 'the payload, wrapped once');
    assert.is(orderingKey, 'pump-7');
    const data = '"enrichmentData":{"DeviceID":"pump-7","location":"hall \\u0026 yard","serial":9007199254740993}}';
    assert.ok(text.endsWith(data), text);
  });

  test('sends messages archived without a topic to --topic over MQTT', async () => {
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    scope.defer(() => client.endAsync(true));
    const got: [topic: string, messageId: string][] = [];
    client.on('message', (to, payload) => got.push([to, JSON.parse(payload.toString('utf8')).message_id]));
    await client.subscribeAsync('replayed/#', { qos: 1 });
    const foreign = ['archive/foreign', '--to', 'mqtt', '--speed', 'max', '--json'];
    const { code, report, output } = await runReplay(...foreign, '--topic', 'replayed/{DeviceID}/data');
    assert.is(code, 0, output);
    assert.is(report.replayed, 3);
    await eventually(() => assert.is(got.length, 3));
    assert.equal(got.sort(), [
      ['replayed/pump-7/data', 'g1'],
      ['replayed/pump-7/data', 'w2'],
      ['replayed/pump-9/data', 'g2'],
    ]);

    const some = await runReplay(...foreign, '--topic', 'replayed/{location}/{DeviceID}');
    assert.equal([some.code, some.report.replayed, some.report.refused], [1, 1, 2], some.output);
    assert.match(some.output, 'refused 0: it has nothing at {location}, for the topic of --topic');
    await eventually(() => assert.equal(got.at(-1), ['replayed/hall & yard/pump-7', 'g1']));
  });

  test('prints the remedy for messages without a topic', async () => {
    const refused = await runReplay('archive/foreign', '--to', 'mqtt', '--speed', 'max', '--json');
    assert.equal([refused.code, refused.report.refused], [1, 3]);
    assert.match(refused.output, 'refused 7: it has no attribute mqtt_topic; set --topic for such messages');
  });

  test('keeps archived topics, and spreads messages evenly', async () => {
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    scope.defer(() => client.endAsync(true));
    const at: number[] = [];
    client.on('message', () => at.push(performance.now()));
    await client.subscribeAsync('sites/hall/devices/a/readings', { qos: 1 });
    // They span 500 seconds of the archive's own time.
    const spread = ['archive/own', '--to', 'mqtt', '--device', 'a', '--topic', 'elsewhere', '--spread', '2s', '--json'];
    const { code, report, output } = await runReplay(...spread);
    assert.is(code, 0, output);
    assert.is(report.replayed, 500);
    await eventually(() => assert.is(at.length, 500));
    const tookMs = (at.at(-1) ?? 0) - (at[0] ?? 0);
    assert.ok(tookMs > 1_500 && tookMs < 15_000, `spread over two seconds: ${tookMs} ms`);
    assert.ok((at[250] ?? 0) - (at[0] ?? 0) > 500, 'evenly: not all at the end');
  });

  test('publishes payloads over MQTT, only of one device and one time', async () => {
    const client = await connectAsync(sandbox.env.MQTT_URL ?? '');
    const got: number[] = [];
    client.on('message', (_topic, payload) => got.push(JSON.parse(payload.toString('utf8')).sequence));
    await client.subscribeAsync('sites/hall/devices/b/readings', { qos: 1 });
    const times = ['--from', '2026-01-01T00:01:00Z', '--until', '2026-01-01T00:02:00Z'];
    const only = ['archive/own', '--to', 'mqtt', '--speed', '600', '--device', 'b', ...times, '--json'];
    const dry = await runReplay(...only, '--dry-run');
    assert.equal([dry.code, dry.report.selected, dry.report.replayed], [0, 60, 0]);
    assert.match(dry.output, /60 {2}own\/2026\/01\/01/);
    assert.match(dry.output, '1 devices, from 2026-01-01T00:01:00.000Z to 2026-01-01T00:01:59.000Z');
    const { code, output } = await runReplay(...only);
    assert.is(code, 0, output);
    await eventually(() => assert.is(got.length, 60));
    assert.equal(
      got,
      Array.from({ length: 60 }, (_, index) => 60 + index),
    );
    await client.endAsync();
  });
});
