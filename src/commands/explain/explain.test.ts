import { once } from 'node:events';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import * as assert from 'uvu/assert';
import { builtInPipeline, lastJson, runCli } from '../../testing/cli.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { testScope } from '../../testing/scope.ts';
import { suite } from '../../testing/suite.ts';

const PIPELINES = ['ingestion', 'enrich', 'icestore', 'bigqueries'].map(builtInPipeline);
const TOPIC = 'sites/north/devices/d1/readings';
const CLOUD = { GOOGLE_CLOUD_PROJECT: 'p', ARCHIVE_BUCKET: 'archive' };

suite('explain command', (it) => {
  const { test } = it;
  const scope = testScope(it);

  test('follows a message through all services, and connects to nothing', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    scope.defer(() => server.close());
    await once(server, 'listening');
    const address = server.address();
    const host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const names = ['PUBSUB', 'STORAGE', 'BIGQUERY', 'FIRESTORE'].map((name) => [`${name}_EMULATOR_HOST`, host]);
    const env = { ...CLOUD, ...Object.fromEntries(names), MQTT_URL: `mqtt://${host}`, REDIS_URL: `redis://${host}` };
    const payload = pipelineFolder(scope).file(
      'reading.json',
      '{"message_id":"m1","sequence":9007199254740993,"temperature":21.50,"taken_at":"2026-02-03T04:05:06Z","more":1}',
    );
    const common = ['--topic', TOPIC, '--payload', payload, '--lookup', '{"ClientID":"c1","LocationID":"hall"}'];
    const [text, json] = await Promise.all([
      runCli(['explain', ...PIPELINES, ...common], { env }),
      runCli(['explain', ...PIPELINES, ...common, '--json'], { env }),
    ]);
    assert.is(connections, 0);
    assert.is(json.code, 0, json.output);
    const [ingestion, enrich, icestore, bigqueries] = lastJson(json).pipelines;
    assert.equal(
      [ingestion, enrich, icestore, bigqueries].map(({ outcome }) => outcome),
      ['published', 'published', 'archived', 'inserted'],
    );
    assert.equal(
      [ingestion.route.name, ingestion.message.id, ingestion.published.topic],
      ['readings', 'm1', 'projects/p/topics/raw'],
    );
    assert.is(ingestion.published.orderingKey, enrich.published.orderingKey);
    assert.equal(enrich.lookup.key, 'd1');
    assert.equal(
      enrich.lookup.places.map(({ layer }: { layer: string }) => layer),
      ['memory', 'redis', 'firestore'],
    );
    assert.match(icestore.archived.object, /^gs:\/\/archive\/raw\/\d{4}\/\d\d\/\d\d\/north\/[\da-f]{32}\.jsonl\.gz$/);
    assert.is(bigqueries.row.insertId, bigqueries.message.identity);
    assert.equal(bigqueries.row.unread, ['message_id', 'more']);
    assert.match(json.stdout, '"sequence":"9007199254740993"', 'with all of its digits');
    assert.equal(
      bigqueries.row.columns.find(({ name }: { name: string }) => name === 'location'),
      {
        name: 'location',
        type: 'STRING',
        mode: 'NULLABLE',
        from: 'enrichmentData.location',
        found: 'hall',
        value: 'hall',
      },
    );
    assert.is(text.code, 0, text.output);
    assert.match(text.stdout, /^ingestion: the message is published$/m);
    assert.match(text.stdout, /^ {4}sequence +INT64 +payload\.sequence +9007199254740993 → "9007199254740993"$/m);
    assert.match(text.stdout, /^ {4}battery +INT64 +payload\.battery +NULL: no value$/m);
    assert.not.match(text.stdout, '\u001b', 'no color where it is no terminal');
  });

  test('names the reason of a dead letter, and calls the hooks of the pipeline', async () => {
    const folder = pipelineFolder(scope);
    const pipeline = folder.pipeline({
      ...{ service: 'enrich', google: { projectId: 'p' }, source: { subscriptionId: 's' }, input: 'raw' },
      ...{ lookup: { firestore: { collection: 'c' } }, output: { topicId: 't' }, deadLetters: { topicId: 'd' } },
    });
    folder.file(
      join(basename(pipeline), 'hooks.ts'),
      "export const keyExtractor = ({ payload }) => { if (payload.length < 3) throw new Error('too short'); return 'k'; };",
    );
    const [short, none] = await Promise.all([
      runCli(['explain', pipeline, '--payload', folder.file('short', 'x'), '--json']),
      runCli(['explain', pipeline, '--payload', folder.file('long', 'long'), '--lookup', 'null']),
    ]);
    const [explained] = lastJson(short).pipelines;
    const { reason, error, topic, attributes } = explained.deadLetter;
    assert.equal([reason, error, topic], ['hook_failed', 'the keyExtractor failed: too short', 'projects/p/topics/d']);
    assert.is(attributes.dlq_source, 'projects/p/subscriptions/s');
    assert.match(none.stdout, /lookup key +k {2}\(the hook keyExtractor\)/);
    assert.match(none.stdout, 'the message is published');
  });

  test('says that a hook in an outage makes the message wait, and counts attempts', async () => {
    const folder = pipelineFolder(scope);
    const hooks = JSON.stringify(join(import.meta.dirname, '../../hooks.ts'));
    const common = { google: { projectId: 'p' }, source: { subscriptionId: 's' }, input: 'raw' };
    const bigqueries = folder.pipeline({
      ...{ service: 'bigqueries', ...common, deadLetters: { topicId: 'd', maxAttempts: 5 } },
      table: { datasetId: 'd', tableId: 't', schema: [{ name: 'n', type: 'INT64' }] },
    });
    folder.file(
      join(basename(bigqueries), 'hooks.ts'),
      `import { RetryableError } from ${hooks};
       export const transformer = async ({ payload }) => {
         const text = Buffer.from(payload).toString();
         if (text === 'wait') throw new RetryableError('the registry is away');
         if (text === 'fail') throw new Error('no row of it');
         return { n: 'x', m: 1 };
       };`,
    );
    const enrich = folder.pipeline({
      ...{ service: 'enrich', ...common, withoutKey: 'drop', key: ['attributes.none'] },
      ...{ lookup: { firestore: { collection: 'c' } }, output: { topicId: 't' } },
    });
    const explained = async (text: string, ...pipelines: string[]) =>
      lastJson(await runCli(['explain', ...pipelines, '--payload', folder.file(text, text), '--json'])).pipelines;
    const [[waits], [fails], [refused], [dropped, never]] = await Promise.all([
      explained('wait', bigqueries),
      explained('fail', bigqueries),
      explained('row', bigqueries),
      explained('any', enrich, bigqueries),
    ]);
    assert.equal([waits.outcome, waits.error], ['waits', 'the transformer failed: the registry is away']);
    assert.equal([fails.deadLetter.reason, fails.deadLetter.attempt], ['hook_failed', 5]);
    assert.is(refused.outcome, 'refused');
    assert.equal(refused.row.problems, ['n: the value is not of type INT64', 'm: table.schema has no such column']);
    assert.equal([dropped.outcome, never.outcome], ['dropped', 'notReached']);
  });

  test('takes a payload as an envelope, and says so', async () => {
    const file = pipelineFolder(scope).file('payload.json', '{"temperature":1}');
    const [wrapped, asIs] = await Promise.all([
      runCli(['explain', PIPELINES[2] ?? '', '--payload', file], { env: CLOUD }),
      runCli(['explain', PIPELINES[2] ?? '', '--payload', file, '--as-is'], { env: CLOUD }),
    ]);
    assert.match(wrapped.stdout, 'the message is archived');
    assert.match(wrapped.stdout, /would be dead-lettered: undecodable: the envelope has no "id"/);
    assert.match(asIs.stdout, 'the message becomes a dead letter');
    assert.match(asIs.stdout, /reason +undecodable/);
  });

  test('refuses what it cannot explain', async () => {
    const [ingestion = ''] = PIPELINES;
    const file = pipelineFolder(scope).file('payload', 'x');
    for (const [args, problem] of [
      [[ingestion, '--payload', file], '--topic: not given'],
      [[ingestion, '--payload', 'nowhere', '--topic', TOPIC], '--payload: ENOENT'],
      [[ingestion, '--payload', file, '--topic', 'sites/+'], 'without "+" and "#"'],
      [
        [ingestion, '--payload', file, '--topic', TOPIC, '--attributes', '{"a":1}'],
        'Expected a JSON object of strings',
      ],
      [[ingestion, '--topic', TOPIC], '--payload: not given'],
    ] as const) {
      const { code, output } = await runCli(['explain', ...args], { env: CLOUD });
      assert.is(code, 2, output);
      assert.match(output, problem);
    }
  });
});
