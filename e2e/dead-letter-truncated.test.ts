import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { decodeEnvelope } from '../src/formats/envelope/envelope.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { icestoreSchema } from '../src/services/icestore/config.ts';
import { createIcestore } from '../src/services/icestore/icestore.ts';
import { listDeadLetters, runDeadLetters } from '../src/testing/dead-letters-cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { largeData } from '../src/testing/large-data.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };

suite('truncated dead letters', ({ test, before, after }) => {
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

  const shown = async (pipeline: string, id: string) => {
    const { code, stdout, output } = await runDeadLetters('show', pipeline, id, '--json');
    assert.is(code, 0, output);
    return JSON.parse(stdout);
  };

  test('without a bucket, large dead letters are marked as truncated and not replayed', async () => {
    const [input, dead] = await newTopics(pubsub, 'cut-in', 'cut-dead');
    const config = {
      ...{ service: 'icestore', ...common(), source: { subscriptionId: input } },
      ...{ bucket: { name: `archive-${input}`, create: true }, archive: { maxAgeMs: 100 } },
      deadLetters: { topicId: dead, subscriptionId: dead },
    };
    const service = createIcestore(v.parse(icestoreSchema, config), QUIET);
    await service.start();
    await service.ready;
    await pubsub.topic(input).publishMessage({ data: largeData(9_500_000) });
    await pubsub.topic(input).publishMessage({ data: Buffer.from('whole') });
    await eventually(() => assert.is(service.ledger.deadLettered, 2));
    assert.is((await service.shutdown()).abandoned, 0);
    const pipeline = folder.pipeline(config);
    const { code, stdout, output } = await runDeadLetters('replay', pipeline, '--json');
    assert.is(code, 1, output);
    const report = JSON.parse(stdout);
    assert.is(report.replayed, 1);
    assert.match(report.left[0].error, 'truncated');
    const { deadLetters: left } = await listDeadLetters(pipeline);
    assert.equal(
      left.map(({ id, truncated }) => [id, truncated]),
      [[report.left[0].id, true]],
    );
    const { original } = await shown(pipeline, report.left[0].id);
    assert.is(Buffer.from(original.data, 'base64').byteLength, 9_000_000);
    assert.throws(() => decodeEnvelope(Buffer.from(original.data, 'base64')), /the envelope is not UTF-8/);
  });
});
