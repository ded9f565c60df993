import { Firestore } from '@google-cloud/firestore';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { decodeEnvelope } from '../src/formats/envelope/envelope.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { listDeadLetters, runDeadLetters } from '../src/testing/dead-letters-cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { publishEnvelope } from '../src/testing/publish-envelope.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };

suite('dead letters of a fixed enrich', ({ test, before, after }) => {
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

  test('enrich: messages without data are listed, and arrive once after the documents exist', async () => {
    const [input, output, dead] = await newTopics(pubsub, 'e-in', 'e-out', 'e-dead');
    const [forTable, forDryRun] = [`${dead}-table`, `${dead}-dry-run`];
    for (const name of [forTable, forDryRun]) await pubsub.topic(dead).createSubscription(name);
    const config = {
      ...{ service: 'enrich', ...common(), source: { subscriptionId: input }, key: ['payload.device'] },
      lookup: { memory: {}, firestore: { collection: input }, missingTtlMs: 1 },
      ...{ withoutData: 'deadLetter', output: { topicId: output } },
      deadLetters: { topicId: dead, subscriptionId: dead },
    };
    const pipeline = folder.pipeline(config);
    const service = createEnrich(v.parse(enrichSchema, config), QUIET);
    await service.start();
    await service.ready;
    const enriched = collectMessages(scope, pubsub, output);
    const ids = Array.from({ length: 30 }, (_, index) => `m${index}`);
    for (const id of ids) await publishEnvelope(pubsub, input, id, { device: `d-${id}` }, { uid: id });
    await eventually(() => assert.is(service.ledger.deadLettered, 30));

    // A command leases the messages that it reads: commands that run together read separate subscriptions.
    const [table, dry, before] = await Promise.all([
      runDeadLetters('list', pipeline, '--subscription', forTable),
      runDeadLetters('replay', pipeline, '--dry-run', '--subscription', forDryRun),
      listDeadLetters(pipeline),
    ]);
    assert.is(table.code, 0, table.output);
    assert.match(table.stdout, /^id +time +service +reason +attempt +bytes +error\n/);
    assert.match(table.stdout, /enrich +no_data +1 +\d+ +there is no data for "d-m0"\n/);
    assert.match(table.stdout, /\n30 dead letters: no_data 30\n$/);
    assert.is(dry.code, 0, dry.output);
    assert.match(dry.stdout, /30 dead letters would be replayed, 0 left/);
    assert.match(dry.output, `would replay to projects/${sandbox.projectId}/topics/${input}`);
    assert.equal(before.byReason, { no_data: 30 });
    assert.is(service.ledger.received, 30, 'a dry run changes nothing');

    const shown = await runDeadLetters('show', pipeline, before.deadLetters[0]?.id ?? '');
    assert.is(shown.code, 0, shown.output);
    assert.match(shown.stdout, '  dlq_service: enrich\n');
    assert.match(shown.stdout, `"publishTime": "2026-02-03T04:05:06Z"`);

    const firestore = new Firestore({ projectId: sandbox.projectId });
    for (const id of ids)
      await firestore
        .collection(input)
        .doc(`d-${id}`)
        .set({ ClientID: `c-${id}` });
    await firestore.terminate();
    const { code, stdout, output: printed } = await runDeadLetters('replay', pipeline, '--rate', '1000');
    assert.is(code, 0, printed);
    assert.match(stdout, /30 dead letters replayed, 0 left/);
    await eventually(() => assert.is(service.ledger.acked, 30));
    await eventually(() => assert.is(enriched.length, 30));
    assert.equal(enriched.map(({ data }) => decodeEnvelope(data).id).sort(), ids.toSorted());
    for (const { data, attributes } of enriched) {
      const { id, enrichmentData } = decodeEnvelope(data);
      assert.is(enrichmentData.name, `c-${id}`);
      assert.equal(attributes, { uid: id }, 'no dlq_ attribute is left');
    }
    assert.equal((await listDeadLetters(pipeline)).deadLetters, []);
    assert.is((await service.shutdown()).abandoned, 0);
  });
});
