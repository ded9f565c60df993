import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { createBigQueryClient } from '../src/connectors/bigquery/client.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { createBigQueries } from '../src/services/bigqueries/bigqueries.ts';
import { bigqueriesSchema } from '../src/services/bigqueries/config.ts';
import { listDeadLetters, runDeadLetters } from '../src/testing/dead-letters-cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { publishEnvelope } from '../src/testing/publish-envelope.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const QUIET = { telemetry: { level: 'silent' } };

suite('dead letters of a fixed bigqueries', ({ test, before, after }) => {
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

  test('bigqueries: rows that the fixed transformer accepts are in the table once', async () => {
    const [input, dead] = await newTopics(pubsub, 'b-in', 'b-dead');
    const datasetId = input.replaceAll('-', '_');
    const config = {
      ...{ service: 'bigqueries', ...common(), source: { subscriptionId: input } },
      table: {
        ...{ datasetId, tableId: 'rows', create: true },
        schema: [
          { name: 'id', type: 'STRING', mode: 'REQUIRED', from: 'metadata.id' },
          { name: 'value', type: 'INT64', mode: 'REQUIRED' },
        ],
      },
      insert: { maxDelayMs: 50 },
      deadLetters: { topicId: dead, subscriptionId: dead, maxAttempts: 2 },
    };
    const pipeline = folder.pipeline(config);
    const parsed = v.parse(bigqueriesSchema, config);
    const broken = createBigQueries(parsed, QUIET);
    await broken.start();
    await broken.ready;
    for (let index = 0; index < 20; index += 1) {
      await publishEnvelope(pubsub, input, `m${index}`, { value: index % 2 === 0 ? index : `${index} units` });
    }
    await eventually(() => assert.is(broken.ledger.deadLettered, 10));
    await eventually(() => assert.is(broken.ledger.acked, 10));
    assert.is((await broken.shutdown()).abandoned, 0);
    const { deadLetters } = await listDeadLetters(pipeline);
    assert.equal([...new Set(deadLetters.map(({ reason, attempt }) => `${reason} ${attempt}`))], ['rejected 2']);

    const mended = createBigQueries(parsed, {
      ...QUIET,
      transformer: ({ id, payload }) => ({
        id,
        value: Number.parseInt(JSON.parse(Buffer.from(payload).toString()).value, 10),
      }),
    });
    await mended.start();
    await mended.ready;
    const { code, output } = await runDeadLetters('replay', pipeline);
    assert.is(code, 0, output);
    await eventually(() => assert.is(mended.ledger.acked, 10));
    const bigquery = createBigQueryClient({ projectId: sandbox.projectId });
    const [rows] = await bigquery.query(
      `SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids, SUM(value) AS total FROM \`${sandbox.projectId}.${datasetId}.rows\``,
    );
    assert.equal([Number(rows[0].n), Number(rows[0].ids), Number(rows[0].total)], [20, 20, 190]);
    assert.equal((await listDeadLetters(pipeline)).deadLetters, []);
    assert.is((await mended.shutdown()).abandoned, 0);
  });
});
