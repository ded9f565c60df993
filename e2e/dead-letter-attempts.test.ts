import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { FatalError, RetryableError } from '../src/core/errors.ts';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich, type EnrichDependencies } from '../src/services/enrich/enrich.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suite } from '../src/testing/suite.ts';
import { type LettersRig, startLettersRig } from './letters-rig.ts';

suite('attempts before dead-letter', ({ test, before, after }) => {
  let rig: LettersRig;
  before(async () => {
    rig = await startLettersRig();
  });
  after(() => rig?.close());

  const enrich = (input: string, output: string, deadLetters: object | undefined, hooks: EnrichDependencies = {}) => {
    const lines: string[] = [];
    const config = {
      ...{ service: 'enrich', ...rig.common, source: { subscriptionId: input }, key: ['payload.device'] },
      ...{ lookup: { firestore: { collection: input } }, output: { topicId: output }, withoutKey: 'deadLetter' },
      ...(deadLetters === undefined ? {} : { deadLetters }),
    };
    const destination = { write: (line: string) => lines.push(line) };
    const telemetry = { level: 'info', destination };
    const service = createEnrich(v.parse(enrichSchema, config), { ...hooks, telemetry });
    const events = (name: string) => lines.map((line) => JSON.parse(line)).filter(({ event }) => event === name);
    return { service, events };
  };

  test('a hook that fails is tried again so often; others pass, outages do not count, what cannot be mended goes at once', async () => {
    const [input, output, dead] = [await rig.newTopic('in'), await rig.newTopic('out'), await rig.newTopic('dead')];
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
    const letters = rig.collect(dead);
    const enriched = rig.collect(output);
    const data = await rig.publish(input, 'poisoned', {}, { uid: 'u1' });
    await rig.publish(input, 'keyless', {});
    await rig.publish(input, 'recovers', {});
    for (let index = 0; index < 50; index += 1) await rig.publish(input, `good-${index}`, {});
    await eventually(() => assert.is(letters.length, 2));
    await eventually(() => assert.is(enriched.length, 51));
    const poisoned = letters.find(({ attributes }) => attributes.dlq_reason === 'hook_failed');
    assert.is(poisoned?.attributes.dlq_attempt, '3');
    assert.is(poisoned?.attributes.dlq_error, 'failed at call 5', 'two calls of five met an outage');
    assert.equal(poisoned?.data, data);
    assert.is(poisoned?.attributes.uid, 'u1');
    const keyless = letters.find(({ attributes }) => attributes.dlq_reason === 'no_key');
    assert.is(keyless?.attributes.dlq_attempt, '1', 'time does not give it a key');
    assert.is(enriched.filter(({ data }) => data.includes('"recovers"')).length, 1);
    await eventually(() => assert.is(service.ledger.inFlight, 0));
    assert.is(service.ledger.deadLettered, 2);
    assert.is(service.ledger.nacked, 6, 'two attempts and two outages; two attempts');
    const postponed = events('dead_letter.postponed').map(({ attempt, maxAttempts }) => `${attempt} of ${maxAttempts}`);
    assert.equal(postponed.sort(), ['1 of 3', '1 of 3', '2 of 3', '2 of 3']);
    assert.ok(service.ledger.balanced);
    assert.is((await service.shutdown()).abandoned, 0);
  });

  test('without a dead-letter topic poison loops, and both the start and each round say so', async () => {
    const [input, output] = [await rig.newTopic('loop-in'), await rig.newTopic('loop-out')];
    const { service, events } = enrich(input, output, undefined);
    assert.is(events('dead_letter.unconfigured').length, 0);
    await service.start();
    await service.ready;
    assert.is(events('dead_letter.unconfigured').length, 1);
    await rig.pubsub.topic(input).publishMessage({ data: Buffer.from('no envelope') });
    await eventually(() => assert.ok(service.ledger.nacked >= 3));
    assert.ok(events('dead_letter.refused').length >= 3);
    assert.is(service.ledger.deadLettered, 0);
    await service.shutdown(100);
  });

  test('what deadLetters names must exist; the error names the setting', async () => {
    const [input, output, dead] = [
      await rig.newTopic('c-in'),
      await rig.newTopic('c-out'),
      await rig.newTopic('c-dead'),
    ];
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
