import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Message, PubSub } from '@google-cloud/pubsub';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import { connectAsync } from 'mqtt';
import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import type { Child } from '../../testing/child.ts';
import { builtInPipeline, lastJson, runCli, startCli } from '../../testing/cli.ts';
import { collectMessages } from '../../testing/collect-messages.ts';
import { eventually } from '../../testing/eventually.ts';
import { newTopic } from '../../testing/new-topic.ts';
import { suiteScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';

/** Lines of a program that writes only what the format demands. */
const FOREIGN = readFileSync(join(import.meta.dirname, '../../../e2e/flows/fixtures/archive.jsonl'));

const line = (device: string, sequence: number): string =>
  JSON.stringify({
    id: `${device}-${sequence}`,
    batchKey: '2026/01/01',
    originalPubSubPayload: Buffer.from(JSON.stringify({ device_id: device, sequence })).toString('base64'),
    archivedAt: '2026-01-01T01:00:00.000Z',
    publishTime: new Date(Date.UTC(2026, 0, 1) + sequence * 1_000).toISOString(),
    attributes: { mqtt_topic: `sites/hall/devices/${device}/readings`, route_name: 'raw' },
    enrichmentData: { DeviceID: device },
  });

suite('the command replay', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let storage: Storage;
  let pubsub: PubSub;

  before(async () => {
    sandbox = scope.use(await startSandbox({ parts: ['mqtt', 'pubsub', 'storage'] }));
    sandbox.applyEnv();
    storage = new Storage({ projectId: sandbox.projectId, authClient: new PassThroughClient() });
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
    await storage.createBucket('archive');
    const save = (name: string, content: Buffer) => storage.bucket('archive').file(name).save(content);
    // Lines of both devices in both objects, in no order: only their times tell.
    const lines = ['a', 'b'].flatMap((device) => Array.from({ length: 500 }, (_, index) => line(device, index)));
    const odd = lines.filter((_, index) => index % 2 === 1).toReversed();
    const even = lines.filter((_, index) => index % 2 === 0);
    await save('own/2026/01/01/1.jsonl.gz', gzipSync(`${odd.join('\n')}\n`));
    await save('own/2026/01/01/2.jsonl.gz', gzipSync(`${even.join('\n')}\n`));
    await save('foreign/2026/03/04/hall/x.jsonl.gz', gzipSync(FOREIGN));
  });

  const start = (...args: string[]): Promise<Child> => startCli(['replay', ...args]);
  const run = async (...args: string[]) => {
    const ended = await runCli(['replay', ...args]);
    const report: Record<string, unknown> = lastJson(ended) ?? {};
    return { ...ended, report };
  };
  /** A topic with a subscription, and what comes to it. */
  const topic = async (): Promise<{ name: string; messages: readonly Message[] }> => {
    const name = await newTopic(pubsub, 'replayed', { enableMessageOrdering: true });
    return { name, messages: collectMessages(scope, pubsub, name) };
  };

  test('publishes envelopes to a topic, in the order of each device', async () => {
    const { name, messages } = await topic();
    const { code, report, output } = await run(
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
    const { code, output } = await run(
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
    const refused = await run('archive/foreign', '--to', 'mqtt', '--speed', 'max', '--json');
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
    const dry = await run(...only, '--dry-run');
    assert.equal([dry.code, dry.report.selected, dry.report.replayed], [0, 60, 0]);
    assert.match(dry.output, /60 {2}own\/2026\/01\/01/);
    assert.match(dry.output, '1 devices, from 2026-01-01T00:01:00.000Z to 2026-01-01T00:01:59.000Z');
    const { code, output } = await run(...only);
    assert.is(code, 0, output);
    await eventually(() => assert.is(got.length, 60));
    assert.equal(
      got,
      Array.from({ length: 60 }, (_, index) => 60 + index),
    );
    await client.endAsync();
  });

  test('stops at a signal, and says how to go on', async () => {
    await pubsub.createTopic('slowly');
    const child = await start('archive/own', '--to', 'pubsub', '--topic', 'slowly', '--speed', '20', '--json');
    await eventually(() => assert.match(child.output, /replaying 1,000 of 1,000/));
    await eventually(() => assert.match(child.output, /\] {2,3}[1-9]\d? %/), { deadlineMs: 30_000 });
    const code = await child.end('SIGINT');
    assert.is(code, 1, child.output);
    const report = lastJson(child);
    assert.is(report.stoppedBy, 'signal');
    assert.is(report.unsent, 1_000 - report.replayed);
    assert.ok(report.replayed > 0 && report.unsent > 0, child.output);
    assert.match(child.output, `--from ${report.continueFrom} goes on`);
    const { name, messages } = await topic();
    const rest = await run(
      ...['archive/own', '--to', 'pubsub', '--topic', name, '--speed', 'max', '--from', report.continueFrom, '--json'],
    );
    assert.is(rest.code, 0, rest.output);
    assert.ok(Number(rest.report.replayed) >= report.unsent, 'nothing is left out between the two');
    await eventually(() => assert.is(messages.length, rest.report.replayed));
  });

  test('says what is wrong with its options', async () => {
    const cases: [string[], number, RegExp][] = [
      [['archive/own'], 2, /--to/],
      [['archive/own', '--to', 'pubsub'], 2, /--topic: --to pubsub needs/],
      [['archive/own', '--to', 'pubsub', '--topic', 'none'], 2, /--topic: none/],
      [['no-such-bucket/own', '--to', 'mqtt'], 2, /<bucket\/prefix>: no-such-bucket/],
      [['archive/own', '--to', 'mqtt', '--speed', '0'], 2, /Expected a number above 0/],
      [['archive/own', '--to', 'mqtt', '--from', 'yesterday'], 2, /Expected a time/],
      [['archive/own', '--to', 'mqtt', '--time', 'taken_at'], 2, /Expected a path/],
      [['archive/own', '--to', 'mqtt', '--pipeline', builtInPipeline('nothing')], 2, /nothing/],
    ];
    await Promise.all(
      cases.map(async ([args, code, message]) => {
        const ran = await run(...args);
        assert.is(ran.code, code, `${args.join(' ')}: ${ran.output}`);
        assert.match(ran.output, message);
      }),
    );
  });
});
