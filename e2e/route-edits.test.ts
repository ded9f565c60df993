import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import { connectAsync, type MqttClient } from 'mqtt';
import * as assert from 'uvu/assert';
import { startMqtt } from '../src/sandbox/mqtt/start-mqtt.ts';
import { Permissions } from '../src/sandbox/permissions.ts';
import { PUBSUB_PERMISSIONS } from '../src/sandbox/pubsub/permissions.ts';
import { startPubSub } from '../src/sandbox/pubsub/start-pubsub.ts';
import type { SandboxServer } from '../src/sandbox/server.ts';
import { createIngestion } from '../src/services/ingestion/ingestion.ts';
import { createPipelineService, loadPipeline, readPipelineConfig, watchConfig } from '../src/services/pipeline.ts';
import { type Collected, collectIds } from '../src/testing/collect-ids.ts';
import { eventually } from '../src/testing/eventually.ts';
import { Scrape } from '../src/testing/scrape.ts';
import { suite } from '../src/testing/suite.ts';

const PROJECT = 'mqtt-routes';
const permissions = new Permissions([PUBSUB_PERMISSIONS]);

suite('Routes that change while ingestion runs', ({ test, before, after }) => {
  let mqtt: SandboxServer;
  let pubsubServer: SandboxServer;
  let pubsub: PubSub;
  let publisher: MqttClient;
  const collected: Record<string, Collected> = {};
  const folder = mkdtempSync(join(tmpdir(), 'mqtt-routes-'));
  const file = join(folder, 'pipeline.yaml');

  const yaml = (routes: Record<string, { filter: string; to: string }>): string => {
    const entries = Object.entries(routes);
    const producers = [...new Set(entries.map(([, { to }]) => to))];
    return `
service: ingestion
google: { projectId: ${PROJECT} }
http: { host: 127.0.0.1, port: 0 }
mqtt: { url: "mqtt://127.0.0.1:${mqtt.port}", clientId: ingestion-0, protocolVersion: 4, reconnectMinMs: 50 }
id: payload.id
routes:
${entries.map(([name, { filter, to }]) => `  ${name}: { source: { mqtt_topic: "${filter}", qos: 1 }, destination: { route_name: ${to} } }`).join('\n')}
producers:
${producers.map((name) => `  ${name}: { outputTopicId: ${name} }`).join('\n')}
deadLetters: { topicId: dead-letters }
`;
  };
  const send = (topic: string, id: string) => publisher.publishAsync(topic, JSON.stringify({ id }), { qos: 1 });
  const arrived = (topic: string, ids: readonly string[]) =>
    eventually(() => assert.equal([...(collected[topic]?.ids.keys() ?? [])].sort(), [...ids].sort(), topic));

  before(async () => {
    mqtt = await startMqtt();
    pubsubServer = await startPubSub({ permissions });
    process.env.PUBSUB_EMULATOR_HOST = `127.0.0.1:${pubsubServer.port}`;
    pubsub = new PubSub({ projectId: PROJECT });
    for (const name of ['raw', 'events', 'dead-letters']) {
      const [topic] = await pubsub.createTopic(name);
      await topic.createSubscription(`${name}-test`);
      collected[name] = collectIds(PROJECT, `${name}-test`);
    }
    publisher = await connectAsync(`mqtt://127.0.0.1:${mqtt.port}`);
  });
  after(async () => {
    await publisher?.endAsync(true);
    for (const each of Object.values(collected)) await each.close();
    await pubsub?.close();
    await pubsubServer?.close();
    await mqtt?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('an edit adds a route and its messages flow; an invalid edit is refused, and the running routes stay', async () => {
    const readings = { filter: 'sites/+/readings', to: 'raw' };
    const events = { filter: 'sites/+/events', to: 'events' };
    writeFileSync(file, yaml({ readings }));
    const lines: Record<string, unknown>[] = [];
    const service = createIngestion(readIngestion(file), {
      configChanges: watchConfig('ingestion', file),
      telemetry: { destination: { write: (line) => lines.push(JSON.parse(line)) }, processMetrics: false },
    });
    const logged = (event: string) => lines.filter((line) => line.event === event);
    const counted = async (event: string): Promise<number> => {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      const line = text.split('\n').find((each) => each.startsWith(`dataflow_events_total{event="${event}"`));
      return Number(line?.split(' ').at(-1) ?? 0);
    };
    await service.start();
    try {
      await service.ready;
      await send('sites/a/readings', 'r1');
      await send('sites/a/events', 'before its route');
      await arrived('raw', ['r1']);

      // Like editors and deployments: a new file replaces the old one.
      writeFileSync(`${file}.new`, yaml({ readings, events }));
      renameSync(`${file}.new`, file);
      await eventually(() => assert.is(logged('mqtt.subscribed').length, 2));
      assert.equal(logged('routes.changed')[0]?.routes, ['readings', 'events']);
      await send('sites/a/events', 'e1');
      await send('sites/a/readings', 'r2');
      await arrived('events', ['e1']);
      await arrived('raw', ['r1', 'r2']);

      for (const [refused, why] of [
        [yaml({ readings, events: { filter: 'sites/a/readings', to: 'events' } }), 'overlaps'],
        [yaml({ readings, events: { filter: 'sites/#/events', to: 'events' } }), '#'],
        ['routes: [', ''],
        [yaml({ readings }).replace('service: ingestion', 'service: icestore'), ''],
      ] as const) {
        const before = logged('routes.refused').length;
        writeFileSync(file, refused);
        await eventually(() => assert.is(logged('routes.refused').length, before + 1));
        assert.match(String(logged('routes.refused').at(-1)?.error), why);
        assert.is(logged('routes.refused').at(-1)?.level, 50);
      }
      assert.is(await counted('routes.refused'), 4);
      assert.is(await counted('routes.changed'), 1);
      assert.is((await fetch(`${service.url}/readyz`)).status, 200);
      await send('sites/a/events', 'e2');
      await send('sites/a/readings', 'r3');
      await arrived('events', ['e1', 'e2']);
      await arrived('raw', ['r1', 'r2', 'r3']);

      writeFileSync(file, yaml({ events }));
      await eventually(() => assert.is(logged('mqtt.unsubscribed').length, 1));
      assert.is(logged('mqtt.unsubscribed')[0]?.filter, 'sites/+/readings');
      await send('sites/a/readings', 'after its route');
      await send('sites/a/events', 'e3');
      await arrived('events', ['e1', 'e2', 'e3']);
      await arrived('raw', ['r1', 'r2', 'r3']);
      assert.is(logged('mqtt.connected').length, 1, 'one connection for all of it');
    } finally {
      const { abandoned } = await service.shutdown(5_000);
      assert.is(abandoned, 0);
    }
    assert.is(collected['dead-letters']?.total, 0);
    const { received, acked, deadLettered } = service.ledger;
    assert.equal({ received, acked, deadLettered }, { received: 6, acked: 6, deadLettered: 0 });
  });

  test('an edit gets the checks of a start, and no edit ends the service', async () => {
    const own = (text: string) => text.replace('ingestion-0', 'ingestion-1').replaceAll('sites/', 'yards/');
    const readings = { filter: 'yards/+/readings', to: 'raw' };
    const good = own(yaml({ readings }));
    writeFileSync(file, good);
    const lines: Record<string, unknown>[] = [];
    const service = createIngestion(readIngestion(file), {
      configChanges: watchConfig('ingestion', file),
      telemetry: { destination: { write: (line) => lines.push(JSON.parse(line)) }, processMetrics: false },
    });
    const logged = (event: string) => lines.filter((line) => line.event === event);
    const refusedAfter = async (text: string): Promise<string> => {
      const before = logged('routes.refused').length;
      writeFileSync(file, text);
      await eventually(() => assert.is(logged('routes.refused').length, before + 1));
      return String(logged('routes.refused').at(-1)?.error);
    };
    await service.start();
    try {
      await service.ready;
      const missing = await refusedAfter(own(yaml({ readings, events: { filter: 'yards/+/events', to: 'nowhere' } })));
      assert.match(missing, /producers: .*topics\/nowhere/);
      // Reverted: nothing changes, and the next good edit takes effect.
      writeFileSync(file, good);
      await eventually(() => assert.is(logged('routes.unchanged').length, 1));

      for (const [text, why] of [
        ['a: &a [*a]\n', /refers to itself/],
        [good.slice(0, 40), /problem/],
        ['', /service/],
      ] as const) {
        assert.match(await refusedAfter(text), why);
      }

      permissions.deny(['pubsub.topics.get']);
      writeFileSync(file, own(yaml({ readings, events: { filter: 'yards/+/events', to: 'events' } })));
      await eventually(() => assert.is(logged('routes.changed').length, 1));
      assert.is(logged('check.skipped').at(-1)?.permission, 'pubsub.topics.get');
      permissions.deny([]);
      await eventually(() => assert.is(logged('mqtt.subscribed').length, 2));

      const both = own(yaml({ readings, events: { filter: 'yards/+/events', to: 'events' } }));
      assert.is(logged('config.needs_restart').length, 0);
      writeFileSync(
        file,
        both.replace('reconnectMinMs: 50', 'reconnectMinMs: 60').replace('topicId: dead', 'topicId: de'),
      );
      await eventually(() => assert.is(logged('config.needs_restart').length, 1));
      assert.equal(logged('config.needs_restart')[0]?.settings, ['mqtt.reconnectMinMs', 'deadLetters.topicId']);
      const events = collected.events?.total ?? 0;
      await send('yards/a/events', 'y1');
      await eventually(() => assert.is(collected.events?.total, events + 1));
    } finally {
      permissions.deny([]);
      await service.shutdown(5_000);
    }
  });

  test('without native watching, edits still take effect, and the service logs it once', async () => {
    const own = (text: string) => text.replace('ingestion-0', 'ingestion-2').replaceAll('sites/', 'barns/');
    const readings = { filter: 'barns/+/readings', to: 'raw' };
    writeFileSync(file, own(yaml({ readings })));
    const service = await createPipelineService(await loadPipeline(file, { DATAFLOW_LOG__LEVEL: 'silent' }), {
      watch: () => {
        throw Object.assign(new Error('no inotify instances left'), { code: 'EMFILE' });
      },
    });
    const counted = async (event: string) => new Scrape(await service.telemetry.registry.metrics()).events(event);
    await service.start();
    try {
      await service.ready;
      for (const [index, to] of ['events', 'raw'].entries()) {
        writeFileSync(file, own(yaml({ readings, more: { filter: 'barns/+/more', to } })));
        await eventually(async () => assert.is(await counted('routes.changed'), index + 1));
      }
      assert.is(await counted('routes.polled'), 1);
    } finally {
      await service.shutdown(5_000);
    }
  });
});

function readIngestion(file: string) {
  const config = readPipelineConfig(file, {});
  if (config.service !== 'ingestion') throw new Error(`${file} is a pipeline of ${config.service}`);
  return config;
}
