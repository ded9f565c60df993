import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { lastJson } from '../../testing/cli.ts';
import { listDeadLetters, runDeadLetters } from '../../testing/dead-letters-cli.ts';
import { newTopics } from '../../testing/new-topic.ts';
import { pipelineFolder } from '../../testing/pipeline-folder.ts';
import { publishDeadLetters } from '../../testing/publish-dead-letters.ts';
import { suiteScope } from '../../testing/scope.ts';
import { startServers } from '../../testing/servers.ts';
import { suite } from '../../testing/suite.ts';

suite('dead-letters summary', ({ test, after }) => {
  const scope = suiteScope({ after });
  const folder = pipelineFolder(scope);

  test('counts by reason, by pipeline and by time, and leaves the dead letters where they are', async () => {
    const { sandbox } = await startServers(scope, { parts: ['pubsub'] });
    const { projectId } = sandbox;
    const pubsub = scope.use(new PubSub({ projectId }));
    const [input, dead] = await newTopics(pubsub, 'input', 'dead');
    const pipeline = folder.pipeline({
      ...{ service: 'icestore', google: { projectId }, source: { subscriptionId: input } },
      ...{ bucket: { name: 'archive' }, deadLetters: { topicId: dead, subscriptionId: dead } },
    });
    const empty = await runDeadLetters('summary', pipeline);
    assert.match(empty.stdout, /^no dead letters$/m);

    const publish = (source: string, count: number, attributes: Record<string, string>) =>
      publishDeadLetters(pubsub, dead, { source, count, attributes });
    await publish(input, 30, { dlq_time: '2026-11-29T09:59:59.900Z' });
    await publish(input, 10, {
      dlq_time: '2026-11-29T11:00:00+01:00',
      dlq_reason: 'too_large',
      dlq_error: 'an old one',
    });
    await publish(input, 1, { dlq_time: '2026-11-29T10:01:00Z', dlq_reason: 'too_large', dlq_error: 'a\nnew one' });
    for (const device of ['d1', 'd2']) {
      const mqtt = { dlq_service: 'ingestion', dlq_source: `mqtt:devices/${device}`, dlq_reason: 'unroutable' };
      await publish('', 2, { ...mqtt, dlq_time: '2026-11-28T23:00:00Z' });
    }

    const hours = await runDeadLetters('summary', pipeline, '--json');
    assert.is(hours.code, 0, hours.output);
    const found = lastJson(hours);
    assert.equal(found.byReason, { rejected: 30, too_large: 11, unroutable: 4 });
    assert.equal(found.byPipeline, [
      {
        ...{ service: 'icestore', source: `projects/${projectId}/subscriptions/${input}`, isOwn: true, count: 41 },
        byReason: { rejected: 30, too_large: 11 },
      },
      { service: 'ingestion', source: 'mqtt', isOwn: false, count: 4, byReason: { unroutable: 4 } },
    ]);
    assert.equal(found.byTime, [
      { time: '2026-11-28T23', count: 4, byReason: { unroutable: 4 } },
      { time: '2026-11-29T09', count: 30, byReason: { rejected: 30 } },
      { time: '2026-11-29T10', count: 11, byReason: { too_large: 11 } },
    ]);
    assert.is(found.latest.too_large.error, 'a\nnew one');

    const minutes = await runDeadLetters('summary', pipeline, '--by', 'minute', '--reason', 'too_large');
    assert.match(minutes.stdout, /^11 dead letters$/m);
    assert.match(minutes.stdout, /^too_large +11 +100\.0 % +\d+ {2}a new one$/m);
    assert.match(minutes.stdout, /^2026-11-29T10:00Z +10 +#+ +too_large 10\n2026-11-29T10:01Z +1 +### +too_large 1$/m);
    assert.match(minutes.stdout, /icestore +projects\/\S+ \(this pipeline\) +11 +too_large 11/);

    assert.equal((await listDeadLetters(pipeline, '--all')).byReason, { rejected: 30, too_large: 11, unroutable: 4 });
    const refused = await runDeadLetters('summary', pipeline, '--by', 'week');
    assert.is(refused.code, 2);
    assert.match(refused.output, /minute, hour, day/);
  });
});
