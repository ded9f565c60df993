import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { collectIds } from '../src/testing/collect-ids.ts';
import { eventually } from '../src/testing/eventually.ts';
import { type Load, mqttLoad } from '../src/testing/load.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { type ServiceProcess, startPipeline } from '../src/testing/service-process.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { Fleet } from '../src/tools/load/fleet.ts';

/** Messages published after the change; a load also runs during the change. */
const MESSAGES = sized({ full: 10_000, short: 500 });
const RATE = sized({ full: 1_000, short: 500 });
const WINDOW = 200;
/** Unconfirmed messages of the load, which it resends when its connection breaks. */
const PUBLISH_WINDOW = 500;
const TEST_TIMEOUT_MS = 240_000;

/** Subscription settings of all replicas. */
interface Subscribing {
  readonly filter: string;
  readonly shareGroup?: string;
  readonly formerFilters?: readonly string[];
}

const READINGS = 'sites/+/devices/+/readings';

suite('two replicas of ingestion behind a share group', (it) => {
  const { test, long, skip, before } = it;
  if (findMosquitto() === undefined) {
    skip('survive changes', 'mosquitto is not installed');
    return;
  }
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub'] });
  });

  const open = async (protocolVersion: number) => {
    const { projectId } = servers.sandbox;
    const broker = scope.use(await startMosquitto(['autosave_interval 0']));
    const pubsub = scope.use(new PubSub({ projectId }));
    const [raw, deadLetters] = await newTopics(pubsub, 'raw', 'dead-letters');
    const collected = scope.use(collectIds(projectId, raw));
    const folder = pipelineFolder(scope);
    const members: ServiceProcess[] = [];
    let loads = 0;

    const start = async (ordinal: number, { filter, ...settings }: Subscribing): Promise<void> => {
      const member = await startPipeline(
        folder.pipeline({
          service: 'ingestion',
          google: { projectId },
          http: { host: '127.0.0.1', port: 0 },
          mqtt: {
            url: broker.url,
            clientId: `member-${ordinal}`,
            protocolVersion,
            maxInFlight: WINDOW,
            reconnectMinMs: 100,
            ...settings,
          },
          id: 'payload.message_id',
          routes: { readings: { source: { mqtt_topic: filter, qos: 1 }, destination: { route_name: 'raw' } } },
          producers: { raw: { outputTopicId: raw } },
          deadLetters: { topicId: deadLetters, subscriptionId: deadLetters },
        }),
      );
      scope.defer(() => member.end('SIGKILL'));
      members[ordinal] = member;
    };
    const end = async (ordinal: number): Promise<void> => {
      const member = members[ordinal];
      assert.is(await member?.end('SIGTERM'), 0, member?.output.slice(-2_000));
    };
    return {
      broker,
      members,
      start,
      end,
      load: (options: { count?: number } = {}): Load => {
        loads += 1;
        const fleet = new Fleet({ devices: 50, seed: loads, runId: `${raw}-${loads}` });
        const load = mqttLoad(fleet, broker.url, { ratePerSecond: RATE, ...options });
        scope.defer(() => load.stop().catch(() => {}));
        return load;
      },
      /** Restarts one member after another, like a rolling update. */
      restartEach: async (subscribing: Subscribing): Promise<void> => {
        for (const ordinal of [0, 1]) {
          await end(ordinal);
          await start(ordinal, subscribing);
        }
      },
      /** Waits until each member has logged an event at least this many times. */
      eachHas: async (event: string, times: number): Promise<void> => {
        for (const member of members)
          await eventually(async () => assert.ok((await member.scrape()).events(event) >= times, event));
      },
      /**
       * Waits until this number has arrived and nothing is in flight; returns how many of them arrived more than once.
       */
      arrival: async (published: number): Promise<number> => {
        await eventually(() => assert.is(collected.ids.size, published, 'distinct ids'), {
          deadlineMs: 60_000,
          progress: () => collected.total,
        });
        for (const member of members) {
          await eventually(async () => {
            const metrics = await member.scrape();
            metrics.assertLedger();
            assert.is(metrics.inFlight, 0);
            assert.is(metrics.value('dataflow_mqtt_pubacks_owed'), 0);
          });
        }
        return collected.total - published;
      },
      /**
       * Number of messages of the nth load that arrived more than once. Second copies may still wait at the broker when
       * the first ones have arrived.
       */
      repeatedOf: (load: number): number => {
        let repeated = 0;
        for (const [id, times] of collected.ids) if (id.startsWith(`${raw}-${load}-`)) repeated += times - 1;
        return repeated;
      },
    };
  };

  for (const protocolVersion of [5, 4]) {
    const register = protocolVersion === 5 ? test : long;
    const version = protocolVersion === 5 ? 'MQTT 5' : 'MQTT 3.1.1';
    const shareGroup = 'group';

    register(
      `${version}: a broker that comes back from an old save, and one that restarts under load`,
      async () => {
        const { broker, members, start, end, load, restartEach, eachHas, arrival } = await open(protocolVersion);
        for (const ordinal of [0, 1]) await start(ordinal, { filter: 'earlier/#', shareGroup });
        // Save the sessions with the earlier subscriptions.
        await broker.save();
        await restartEach({ filter: READINGS, shareGroup });
        let published = await load({ count: MESSAGES }).done;
        assert.is(await arrival(published), 0, 'duplicates before');
        await broker.stop('SIGKILL');
        await broker.restart();
        await eachHas('mqtt.subscribed', 2);
        for (const { output } of members)
          assert.match(output.split('mqtt.disconnected').at(-1) ?? '', '"sessionPresent":true');
        published += await load({ count: MESSAGES }).done;
        assert.is(await arrival(published), 0, 'duplicates after the old save');

        const during = load();
        await eventually(() => assert.ok(during.published > RATE));
        await broker.stop('SIGTERM');
        await broker.restart();
        await eachHas('mqtt.subscribed', 3);
        const soFar = during.published;
        await eventually(() => assert.ok(during.published > soFar + RATE));
        published += await during.stop();
        const duplicates = await arrival(published);
        console.log(`  ${version}: ${published} messages, broker restarted under load: ${duplicates} duplicated`);
        assert.ok(duplicates <= 2 * WINDOW + PUBLISH_WINDOW, `${duplicates} duplicates`);
        for (const ordinal of [0, 1]) await end(ordinal);
      },
      TEST_TIMEOUT_MS,
    );

    const changes: readonly {
      readonly title: string;
      readonly earlier: Subscribing;
      readonly present: Subscribing;
      /** The most additional copies of a message: before the change, and during it. */
      readonly copies: { readonly before: number; readonly during: number };
      readonly isLong: boolean;
    }[] = [
      {
        title: 'a rolling restart with a changed filter',
        earlier: { filter: READINGS, shareGroup },
        present: { filter: 'sites/#', shareGroup, formerFilters: [`$share/${shareGroup}/${READINGS}`] },
        copies: { before: 0, during: 1 },
        isLong: true,
      },
      {
        title: 'a share group that is set while each replica received everything',
        earlier: { filter: READINGS },
        present: { filter: READINGS, shareGroup },
        copies: { before: 1, during: 2 },
        isLong: protocolVersion === 4,
      },
    ];
    for (const { title, earlier, present, copies, isLong } of changes) {
      (isLong ? long : test)(
        `${version}: ${title}`,
        async () => {
          const { start, end, load, restartEach, eachHas, arrival, repeatedOf } = await open(protocolVersion);
          for (const ordinal of [0, 1]) await start(ordinal, earlier);
          const during = load();
          await eventually(() => assert.ok(during.published > RATE));
          const before = during.published;
          await restartEach(present);
          await eachHas('mqtt.unsubscribed', 1);
          let published = await during.stop();
          await arrival(published);
          const changed = published;
          // After the last UNSUBACK, each message arrives once.
          published += await load({ count: MESSAGES }).done;
          await arrival(published);
          const duplicates = repeatedOf(1);
          console.log(`  ${version}: ${title}: ${before} + ${changed - before} messages, ${duplicates} duplicated`);
          const bound = before * copies.before + (changed - before) * copies.during;
          assert.ok(duplicates <= bound, `${duplicates} duplicates, at most ${bound} are stated`);
          assert.is(repeatedOf(2), 0, 'duplicates after the change');
          for (const ordinal of [0, 1]) await end(ordinal);
        },
        TEST_TIMEOUT_MS,
      );
    }
  }
});
