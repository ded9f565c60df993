import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { collectIds } from '../src/testing/collect-ids.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { NO_COMPILE_CACHE } from '../src/testing/service-process.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';

const MESSAGES = 10_000;
const DEADLINE_MS = 1_000;
/** The guarantee: the process ends within this time after the deadline. */
const GRACE_MS = 2_000;

/** Faults of publishing dead letters. */
const FAULTS = {
  silent: { skip: 1, stall: true },
  slow: { latencyMs: 1_500 },
} as const;

suite(`SIGTERM with ${MESSAGES} dead letters waiting`, (it) => {
  const { long, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  let pubsub: PubSub;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore', 'bigquery'] });
    pubsub = whole.use(new PubSub({ projectId: servers.sandbox.projectId }));
  });
  afterEach(() => servers.sandbox.faults.clear());

  for (const [fault, rule] of Object.entries(FAULTS)) {
    long(`ends in time while their topic is ${fault}; twice are at most those that awaited an answer`, async () => {
      const { sandbox } = servers;
      const tested = await openService(scope, 'bigqueries', {
        projectId: sandbox.projectId,
        env: {
          ...NO_COMPILE_CACHE,
          DATAFLOW_SHUTDOWN__DEADLINE_MS: String(DEADLINE_MS),
          DATAFLOW_SOURCE__MAX_IN_FLIGHT: String(MESSAGES),
          // Lease of messages that were not returned in time.
          DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000',
        },
      });
      const { topics, runId } = tested.resources;
      const topicId = topics.deadLetters;
      await pubsub.topic(topicId).createSubscription(`seen-${runId}`);
      const deadLetters = scope.use(collectIds(sandbox.projectId, `seen-${runId}`));
      const service = await tested.start();
      const publishing = sandbox.faults.add({
        server: 'pubsub',
        method: 'Publish',
        resource: `*/topics/${topicId}`,
        ...rule,
      });
      const input = pubsub.topic(topics.enriched, { batching: { maxMessages: 500 } });
      await Promise.all(
        Array.from({ length: MESSAGES }, (_, index) => input.publishMessage({ data: poisoned(`m${index}`) })),
      );
      await eventually(async () => {
        assert.is((await service.scrape()).received, MESSAGES);
        assert.ok(publishing.fired > 0);
      });
      if (fault === 'silent') await settled(() => publishing.fired);
      const firedBefore = publishing.fired;
      const started = performance.now();
      assert.is(await service.end('SIGTERM'), 1, service.output.slice(-2_000));
      const tookMs = performance.now() - started;
      assert.ok(tookMs < DEADLINE_MS + GRACE_MS, `took ${tookMs} ms`);
      if (fault === 'silent') assert.is(publishing.fired, firedBefore, 'requests that the end has started');

      const answered = deadLetters.total;
      publishing.remove();
      await settled(() => deadLetters.total);
      const awaitedAnAnswer = deadLetters.total - answered;
      const next = await tested.start();
      await eventually(() => assert.is(deadLetters.ids.size, MESSAGES), { progress: () => deadLetters.ids.size });
      await eventually(async () => assert.is((await next.scrape()).inFlight, 0));
      const twice = deadLetters.total - MESSAGES;
      console.log(
        `  ${fault}: ended after ${tookMs.toFixed(0)} ms; ${answered} dead letters answered, ${awaitedAnAnswer} awaited an answer, ${twice} twice`,
      );
      if (fault === 'silent') assert.ok(twice <= awaitedAnAnswer, `${twice} dead letters twice`);
      assert.is(await next.end(), 0);
    });
  }
});

/** Waits until a count has been stable for half a second. */
async function settled(count: () => number): Promise<void> {
  let before = -1;
  await eventually(
    () => {
      const now = count();
      const isSame = now === before;
      before = now;
      assert.ok(isSame, `${now} and more`);
    },
    { everyMs: 500 },
  );
}

/** An envelope with a payload that does not fit the table's columns. */
function poisoned(id: string): Buffer {
  const payload = Buffer.from('not JSON').toString('base64');
  return Buffer.from(JSON.stringify({ id, payload, publishTime: '2026-02-03T04:05:06Z' }));
}
