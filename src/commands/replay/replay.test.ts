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

  /** A topic with a subscription, and what comes to it. */
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

  test('takes the lines of another program', async () => {
    const { name, messages } = await topic();
    const { code, output } = await runReplay(
      ...['archive/foreign', '--to', 'pubsub', '--topic', name, '--speed', 'max', '--json'],
    );
    assert.is(code, 0, output);
    await eventually(() => assert.is(messages.length, 2));
    const sent = messages
      .map(({ data }) => JSON.parse(data.toString()))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
    assert.equal(
      sent.map(({ id, publishTime }) => [id, publishTime]),
      [
        ['a1', '2026-03-04T05:06:07.123456789Z'],
        ['a2', '2026-03-04T05:06:08Z'],
      ],
    );
    // Over MQTT they have nowhere to go, and the command says so.
    const refused = await runReplay('archive/foreign', '--to', 'mqtt', '--speed', 'max', '--json');
    assert.is(refused.code, 1);
    assert.is(refused.report.refused, 2);
    assert.match(refused.output, 'refused a1: it has no attribute mqtt_topic');
  });

  test('publishes payloads over MQTT, of one device and one time alone', async () => {
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
