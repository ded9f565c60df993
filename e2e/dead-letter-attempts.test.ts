import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { FatalError, RetryableError } from '../src/core/errors.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich, type EnrichDependencies } from '../src/services/enrich/enrich.ts';
import { collectMessages } from '../src/testing/collect-messages.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopics } from '../src/testing/new-topic.ts';
import { publishEnvelope } from '../src/testing/publish-envelope.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

suite('attempts before dead-letter', ({ test, before, after }) => {
  const scope = suiteScope({ after });
  let sandbox: Sandbox;
  let pubsub: PubSub;
  before(async () => {
    ({ sandbox } = await startServers(scope));
    pubsub = scope.use(new PubSub({ projectId: sandbox.projectId }));
  });
  /** First settings of every pipeline of this suite. */
  const common = () => ({ google: { projectId: sandbox.projectId }, http: { host: '127.0.0.1', port: 0 } });

  const enrich = (input: string, output: string, deadLetters: object | undefined, hooks: EnrichDependencies = {}) => {
    const lines: string[] = [];
    const config = {
      ...{ service: 'enrich', ...common(), source: { subscriptionId: input }, key: ['payload.device'] },
      ...{ lookup: { firestore: { collection: input } }, output: { topicId: output }, withoutKey: 'deadLetter' },
      ...(deadLetters === undefined ? {} : { deadLetters }),
    };
    const destination = { write: (line: string) => lines.push(line) };
    const telemetry = { level: 'info', destination };
    const service = createEnrich(v.parse(enrichSchema, config), { ...hooks, telemetry });
    const events = (name: string) => lines.map((line) => JSON.parse(line)).filter(({ event }) => event === name);
    return { service, events };
  };

  test('a failing hook is retried up to the limit; others pass, outages do not count, permanent faults go immediately', async () => {
    const [input, output, dead] = await newTopics(pubsub, 'in', 'out', 'dead');
    const calls = new Map<string, number>();
    const { service, events } = enrich(
      input,
      output,
      { topicId: dead, subscriptionId: dead, maxAttempts: 3 },
      {
        keyExtractor: ({ id }) => {
          const call = (calls.get(id) ?? 0) + 1;
          calls.set(id, call);
          if (id === 'poisoned' && (call === 2 || call === 3)) throw new RetryableError('an outage in between');
          if (id === 'poisoned') throw new Error(`failed at call ${call}`);
          if (id === 'recovers' && call < 3) throw new Error('not yet');
          return id === 'keyless' ? undefined : id;
        },
      },
    );
    await service.start();
    await service.ready;
    const deadLetters = collectMessages(scope, pubsub, dead);
    const enriched = collectMessages(scope, pubsub, output);
    const data = await publishEnvelope(pubsub, input, 'poisoned', {}, { uid: 'u1' });
    await publishEnvelope(pubsub, input, 'keyless', {});
    await publishEnvelope(pubsub, input, 'recovers', {});
    for (let index = 0; index < 50; index += 1) await publishEnvelope(pubsub, input, `good-${index}`, {});
    await eventually(() => assert.is(deadLetters.length, 2));
    await eventually(() => assert.is(enriched.length, 51));
    const poisoned = deadLetters.find(({ attributes }) => attributes.dlq_reason === 'hook_failed');
    assert.is(poisoned?.attributes.dlq_attempt, '3');
    assert.is(
      poisoned?.attributes.dlq_error,
      'the keyExtractor failed: failed at call 5',
      'two calls of five met an outage',
    );
    assert.equal(poisoned?.data, data);
    assert.is(poisoned?.attributes.uid, 'u1');
    const keyless = deadLetters.find(({ attributes }) => attributes.dlq_reason === 'no_key');
    assert.is(keyless?.attributes.dlq_attempt, '1', 'time does not give it a key');
    assert.is(enriched.filter(({ data }) => data.includes('"recovers"')).length, 1);
    await eventually(() => assert.is(service.ledger.inFlight, 0));
    assert.is(service.ledger.deadLettered, 2);
    assert.is(service.ledger.nacked, 4, 'two attempts each: outages are waited out');
    const postponed = events('dead_letter.postponed').map(({ attempt, maxAttempts }) => `${attempt} of ${maxAttempts}`);
    assert.equal(postponed.sort(), ['1 of 3', '1 of 3', '2 of 3', '2 of 3']);
    assert.ok(service.ledger.balanced);
    assert.is((await service.shutdown()).abandoned, 0);
  });

  test('without a dead-letter topic, poison loops; the start and each round log it', async () => {
    const [input, output] = await newTopics(pubsub, 'loop-in', 'loop-out');
    const { service, events } = enrich(input, output, undefined);
    assert.is(events('dead_letter.unconfigured').length, 0);
    await service.start();
    await service.ready;
    assert.is(events('dead_letter.unconfigured').length, 1);
    await pubsub.topic(input).publishMessage({ data: Buffer.from('no envelope') });
    await eventually(() => assert.ok(service.ledger.nacked >= 3));
    assert.ok(events('dead_letter.refused').length >= 3);
    assert.is(service.ledger.deadLettered, 0);
    await service.shutdown(100);
  });

  test('topics in deadLetters must exist; the error names the setting', async () => {
    const [input, output, dead] = await newTopics(pubsub, 'c-in', 'c-out', 'c-dead');
    for (const [deadLetters, expected] of [
      [{ topicId: 'missing-topic' }, /^deadLetters\.topicId: .*missing-topic/],
      [{ topicId: dead, subscriptionId: 'missing-sub' }, /^deadLetters\.subscriptionId: .*missing-sub/],
      [{ topicId: dead, subscriptionId: input }, /^deadLetters\.subscriptionId: .* receives from .*c-in/],
      [{ topicId: dead, bucket: 'missing-bucket' }, /^deadLetters\.bucket: missing-bucket/],
    ] as const) {
      const { service } = enrich(input, output, deadLetters);
      const error = await service.start().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      assert.instance(error, FatalError);
      assert.match(error instanceof Error ? error.message : '', expected);
      await service.shutdown(100);
    }
  });
});
