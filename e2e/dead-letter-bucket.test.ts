import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createStorageClient } from '../src/connectors/storage/client.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { listDeadLetters, runDeadLetters } from '../src/testing/dead-letters-cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { largeData } from '../src/testing/large-data.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };

suite('dead letters that do not fit into Pub/Sub', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  const folder = pipelineFolder(scope);
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });
  /** First settings of every pipeline of this suite. */
  const common = () => ({ google: { projectId: sandbox.projectId }, http: { host: '127.0.0.1', port: 0 } });

  const shown = async (pipeline: string, id: string, ...options: string[]) => {
    const { code, stdout, output } = await runDeadLetters('show', pipeline, id, '--json', ...options);
    assert.is(code, 0, output);
    return JSON.parse(stdout);
  };

  test('9.5 MB and 100 attributes from Pub/Sub: stored in the bucket, shown, and replayed unchanged', async () => {
    const [input, dead] = await newTopics(pubsub, 'in', 'dead');
    const second = `${dead}-second`;
    await pubsub.topic(dead).createSubscription(second);
    const storage = createStorageClient({ projectId: sandbox.projectId });
    const bucket = `letters-${input}`;
    await storage.createBucket(bucket);
    const config = {
      ...{ service: 'icestore', ...common(), source: { subscriptionId: input } },
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
    await pubsub.topic(input).publishMessage({ data: large, attributes: { uid: 'u1' }, orderingKey: 'k1' });
    await pubsub.topic(input).publishMessage({ data: Buffer.from('no envelope'), attributes });
    await eventually(() => assert.is(service.ledger.deadLettered, 2));
    assert.is((await service.shutdown()).abandoned, 0);

    const pipeline = folder.pipeline(config);
    const { deadLetters } = await listDeadLetters(pipeline);
    assert.is(deadLetters.length, 2);
    for (const { object, truncated } of deadLetters) {
      assert.match(
        object ?? '',
        new RegExp(`^gs://${bucket}/dead-letters/icestore/\\d{4}/\\d\\d/\\d\\d/[0-9a-f]{64}\\.json$`),
      );
      assert.not(truncated);
    }
    // Each command leases a subscription's dead letters while it searches for its own.
    const originals = await Promise.all(
      deadLetters.map(({ id }, index) => shown(pipeline, id, '--subscription', index === 0 ? dead : second)),
    );
    const ofLarge = originals.find(({ bytes }) => bytes === 9_500_000);
    assert.ok(Buffer.from(ofLarge.original.data, 'base64').equals(large));
    assert.equal([ofLarge.original.attributes, ofLarge.original.orderingKey], [{ uid: 'u1' }, 'k1']);
    const ofMany = originals.find(({ bytes }) => bytes === 11);
    assert.equal(ofMany.original.attributes, attributes);

    const again = collectMessages(scope, pubsub, input);
    const { code, output } = await runDeadLetters('replay', pipeline);
    assert.is(code, 0, output);
    await eventually(() => assert.is(again.length, 2));
    const replayed = again.find(({ data }) => data.byteLength === large.byteLength);
    assert.ok(replayed?.data.equals(large));
    assert.equal([replayed?.attributes, replayed?.orderingKey], [{ uid: 'u1' }, 'k1']);
    assert.equal(again.find(({ data }) => data.byteLength === 11)?.attributes, attributes);
    assert.equal((await listDeadLetters(pipeline)).deadLetters, []);
  });
});
