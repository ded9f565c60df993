import { spawnSync } from 'node:child_process';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { decodeEnvelope } from '../src/formats/envelope/envelope.ts';
import type { Child } from '../src/testing/child.ts';
import { startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { hasGoogleEmulators, startGoogleEmulator } from '../src/testing/google-emulator.ts';
import { findMosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { testScope } from '../src/testing/scope.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, SERVICES } from '../src/testing/test-run.ts';
import { countLines, countRows } from '../src/tools/demo/sink-counts.ts';
import type { Fleet } from '../src/tools/load/fleet.ts';

const MESSAGES = 300;
const TEST_TIMEOUT_MS = 150_000;
const FLEET = { devices: 10, seed: 3 };

/** Publishes one reading per line with the stock client `mosquitto_pub`. */
function mosquittoPub(url: string, fleet: Fleet): void {
  const { hostname, port } = new URL(url);
  const byTopic = new Map<string, string[]>();
  for (const { topic, payload } of fleet.readings(MESSAGES)) {
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), payload.toString('utf8')]);
  }
  for (const [topic, lines] of byTopic) {
    const { status, stderr } = spawnSync('mosquitto_pub', ['-h', hostname, '-p', port, '-q', '1', '-t', topic, '-l'], {
      input: `${lines.join('\n')}\n`,
      encoding: 'utf8',
    });
    assert.is(status, 0, stderr);
  }
}

const hasStockClient = spawnSync('mosquitto_pub', ['--help']).error === undefined;

async function endAll(services: readonly Child[]): Promise<void> {
  for (const service of services) assert.is(await service.end('SIGTERM'), 0, `a clean end:\n${service.output}`);
}

suite('services as separate processes', (it) => {
  const { test, long, skip } = it;
  const scope = testScope(it);

  const onSandbox = 'move what mosquitto_pub publishes, against `npm run sandbox`';
  if (!hasStockClient) skip(onSandbox, 'mosquitto_pub is not installed');
  else {
    test(
      onSandbox,
      async () => {
        const sandbox = await startCli(['sandbox'], { readyWhen: /sandbox ready/ });
        const exported = [...sandbox.stdout.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
        const env: Record<string, string> = Object.fromEntries(exported);
        Object.assign(process.env, env);
        assert.is(env.MQTT_PROTOCOL_VERSION, '4', "the sandbox's environment includes the version");
        // The run has a bucket of its own.
        const { ARCHIVE_BUCKET: _, ...servers } = env;
        const run = await openRun(scope, { ...FLEET, projectId: env.GOOGLE_CLOUD_PROJECT ?? '', env: servers });
        const { resources, fleet } = run;
        const services: Child[] = [];
        for (const name of SERVICES.toReversed()) services.push(await run.start(name));
        mosquittoPub(env.MQTT_URL ?? '', fleet);
        await eventually(async () => {
          assert.is((await countRows(resources)).distinctIds, MESSAGES, 'rows');
          assert.is((await countLines(resources)).distinctIds, MESSAGES, 'lines');
        });
        await endAll(services.toReversed());
        assert.is(await sandbox.end('SIGTERM'), 0);
      },
      TEST_TIMEOUT_MS,
    );
  }

  const onEmulators = "ingestion and enrich move them on Google's emulators and mosquitto";
  if (!hasGoogleEmulators()) {
    // Not available from a package registry: the suite reports that, and continues.
    console.log(`  left out: ${onEmulators} (gcloud or Java is not installed)`);
  } else if (findMosquitto() === undefined) skip(onEmulators, 'mosquitto is not installed');
  else {
    long(
      onEmulators,
      async () => {
        const broker = scope.use(await startMosquitto());
        const pubsub = scope.use(await startGoogleEmulator('pubsub'));
        const firestore = scope.use(await startGoogleEmulator('firestore'));
        const env = {
          METADATA_SERVER_DETECTION: 'none',
          PUBSUB_EMULATOR_HOST: pubsub.host,
          FIRESTORE_EMULATOR_HOST: firestore.host,
          MQTT_URL: broker.url,
          MQTT_PROTOCOL_VERSION: '5',
        };
        Object.assign(process.env, env);
        const run = await openRun(scope, { ...FLEET, projectId: 'demo-project', env }, ['ingestion', 'enrich']);
        const { resources, fleet } = run;
        const services = [await run.start('enrich'), await run.start('ingestion')];
        const client = scope.use(new PubSub({ projectId: resources.projectId }));
        const messages = new Map<string, Record<string, unknown>>();
        const [subscription] = await client
          .topic(resources.topics.enriched)
          .createSubscription(resources.subscriptions.bigqueries);
        scope.use(subscription).on('message', (message) => {
          const { id, enrichmentData } = decodeEnvelope(message.data);
          messages.set(id, enrichmentData);
          message.ack();
        });
        mosquittoPub(broker.url, fleet);
        await eventually(() => assert.is(messages.size, MESSAGES, 'distinct ids in the enriched topic'), {
          deadlineMs: 40_000,
        });
        for (const data of messages.values()) {
          const record = fleet.recordOf(String(data.DeviceID));
          assert.is(data.name, record.ClientID);
          assert.is(data.serviceTag, record.Category);
        }
        await endAll(services.toReversed());
      },
      TEST_TIMEOUT_MS,
    );
  }
});
