import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { createPubSubClients } from '../src/clients/pubsub.ts';
import { checkDeadLetters } from '../src/sinks/dead-letters/check-dead-letters.ts';
import { Telemetry } from '../src/telemetry/telemetry.ts';
import { eventually } from '../src/testing/eventually.ts';
import { type GoogleEmulator, hasGoogleEmulators, startGoogleEmulator } from '../src/testing/google-emulator.ts';
import { suite } from '../src/testing/suite.ts';
import { deadLettersRunner } from './letters-rig.ts';

const LETTERS = 300;
const projectId = 'demo-project';

suite("dead letters on Google's emulator", ({ test, before, after }) => {
  if (!hasGoogleEmulators()) {
    // Not to be had from a package registry: the suite says so, and goes on.
    console.log("  left out: dead letters on Google's emulator (gcloud or Java is not installed)");
    return;
  }
  let emulator: GoogleEmulator;
  let pubsub: PubSub;
  const runner = deadLettersRunner();
  before(async () => {
    emulator = await startGoogleEmulator('pubsub');
    Object.assign(process.env, { PUBSUB_EMULATOR_HOST: emulator.host, METADATA_SERVER_DETECTION: 'none' });
    pubsub = new PubSub({ projectId });
  });
  after(async () => {
    runner.close();
    await pubsub?.close();
    await emulator?.close();
  });

  /** The topics that a service would warn of at its start. */
  const unread = async (topicId: string): Promise<string[]> => {
    const lines: string[] = [];
    const telemetry = new Telemetry('test', { level: 'info', destination: { write: (line) => lines.push(line) } });
    const clients = await createPubSubClients({ projectId });
    await checkDeadLetters(clients, projectId, { topicId }, undefined, telemetry);
    await clients.close();
    return lines
      .map((line) => JSON.parse(line))
      .flatMap(({ event, topic }) => (event === 'dead_letter.unread' ? topic : []));
  };

  test('an unread topic is warned of; its only subscription is found, listed and replayed', async () => {
    for (const id of ['raw', 'dead']) await pubsub.createTopic(id);
    await pubsub.topic('raw').createSubscription('raw-archive');
    await pubsub.topic('raw').createSubscription('raw-other');
    assert.equal(await unread('dead'), [`projects/${projectId}/topics/dead`]);
    await pubsub.topic('dead').createSubscription('dead-one');
    assert.equal(await unread('dead'), []);

    const pipeline = runner.pipeline({
      ...{ service: 'icestore', google: { projectId }, source: { subscriptionId: 'raw-archive' } },
      ...{ bucket: { name: 'archive' }, deadLetters: { topicId: 'dead' } },
    });
    for (let index = 0; index < LETTERS; index += 1) {
      void pubsub.topic('dead').publishMessage({
        data: Buffer.from(`original ${index}`),
        attributes: {
          ...{ dlq_service: 'icestore', dlq_reason: 'rejected', dlq_error: 'no time', dlq_attempt: '1' },
          dlq_source: `projects/${projectId}/subscriptions/raw-archive`,
          dlq_time: new Date().toISOString(),
        },
      });
    }
    await pubsub.topic('dead').flush();
    assert.equal((await runner.list(pipeline)).byReason, { rejected: LETTERS });

    const arrived = new Set<string>();
    const subscription = pubsub.subscription('raw-archive');
    subscription.on('message', (message) => {
      arrived.add(message.data.toString());
      message.ack();
    });
    const { code, output } = await runner.run('replay', pipeline, '--rate', '1000');
    assert.is(code, 0, output);
    assert.match(output, `this subscription gets them too: projects/${projectId}/subscriptions/raw-other`);
    await eventually(() => assert.is(arrived.size, LETTERS));
    assert.equal((await runner.list(pipeline)).letters, []);
    await subscription.close();

    await pubsub.topic('dead').createSubscription('dead-two');
    const several = await runner.run('list', pipeline);
    assert.is(several.code, 2);
    assert.match(several.output, /several subscriptions: .*dead-(one|two).*--subscription/);
  }, 120_000);
});
