import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { createPubSubClients } from '../../connectors/pubsub/client.ts';
import { checkDeadLetters } from '../../dead-letters/check.ts';
import { Telemetry } from '../../telemetry/telemetry.ts';
import { collectMessages } from '../../testing/collect-messages.ts';
import { listDeadLetters, runDeadLetters } from '../../testing/dead-letters-cli.ts';
import { eventually } from '../../testing/eventually.ts';
import { hasGoogleEmulators, startGoogleEmulator } from '../../testing/google-emulator.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { publishDeadLetters } from '../../testing/publish-dead-letters.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';

const LETTERS = 300;
/** Google's emulator pauses between deliveries. */
const IDLE_TIMEOUT = ['--idle-timeout', '2'];
const projectId = 'demo-project';

suite("dead letters on Google's emulator", ({ long, afterEach }) => {
  if (!hasGoogleEmulators()) {
    // Not available from a package registry: the suite says so, and continues.
    console.log("  left out: dead letters on Google's emulator (gcloud or Java is not installed)");
    return;
  }
  const scope = testScope({ afterEach });

  /** Returns the topics that a service would warn about at start. */
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

  long(
    'an unread topic is warned of; its only subscription is found, listed and replayed',
    async () => {
      const emulator = scope.use(await startGoogleEmulator('pubsub'));
      Object.assign(process.env, { PUBSUB_EMULATOR_HOST: emulator.host, METADATA_SERVER_DETECTION: 'none' });
      const pubsub = scope.use(new PubSub({ projectId }));
      for (const id of ['raw', 'dead']) await pubsub.createTopic(id);
      await pubsub.topic('raw').createSubscription('raw-archive');
      await pubsub.topic('raw').createSubscription('raw-other');
      assert.equal(await unread('dead'), [`projects/${projectId}/topics/dead`]);
      await pubsub.topic('dead').createSubscription('dead-one');
      assert.equal(await unread('dead'), []);

      const pipeline = pipelineFolder(scope).pipeline({
        ...{ service: 'icestore', google: { projectId }, source: { subscriptionId: 'raw-archive' } },
        ...{ bucket: { name: 'archive' }, deadLetters: { topicId: 'dead' } },
      });
      await publishDeadLetters(pubsub, 'dead', { source: 'raw-archive', count: LETTERS });
      assert.equal((await listDeadLetters(pipeline, ...IDLE_TIMEOUT)).byReason, { rejected: LETTERS });

      const arrived = collectMessages(scope, pubsub, 'raw-archive');
      const { code, output } = await runDeadLetters('replay', pipeline, ...IDLE_TIMEOUT, '--rate', '1000');
      assert.is(code, 0, output);
      assert.match(output, `this subscription gets them too: projects/${projectId}/subscriptions/raw-other`);
      await eventually(() => assert.is(new Set(arrived.map(({ data }) => data.toString())).size, LETTERS));
      assert.equal((await listDeadLetters(pipeline, ...IDLE_TIMEOUT)).deadLetters, []);

      await pubsub.topic('dead').createSubscription('dead-two');
      const several = await runDeadLetters('list', pipeline);
      assert.is(several.code, 2);
      assert.match(several.output, /several subscriptions: .*dead-(one|two).*--subscription/);
    },
    120_000,
  );
});
