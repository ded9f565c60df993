import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { enrichSchema } from '../src/services/enrich/config.ts';
import { createEnrich } from '../src/services/enrich/enrich.ts';
import { eventually } from '../src/testing/eventually.ts';
import { receiveMessages } from '../src/testing/receive-messages.ts';
import { suite } from '../src/testing/suite.ts';
import { type LettersRig, type ListedLetters, startLettersRig } from './letters-rig.ts';

const QUIET = { telemetry: { level: 'silent' } };
const TEST_TIMEOUT_MS = 120_000;

suite('dead-letters commands', ({ test, before, after }) => {
  let rig: LettersRig;
  before(async () => {
    rig = await startLettersRig();
  });
  after(() => rig?.close());

  /** Publishes letters as a service of that pipeline would have written them. */
  const bury = async (dead: string, source: string, count: number, more: Record<string, string> = {}) => {
    const letters = Array.from({ length: count }, (_, index) => ({
      data: Buffer.from(`original ${index}`),
      attributes: {
        ...{ uid: 'u1', dlq_service: 'icestore', dlq_reason: 'rejected', dlq_error: 'no time', dlq_attempt: '1' },
        dlq_source: `projects/${rig.sandbox.projectId}/subscriptions/${source}`,
        dlq_time: new Date().toISOString(),
        ...more,
      },
    }));
    return Promise.all(letters.map((letter) => rig.pubsub.topic(dead).publishMessage(letter)));
  };
  const icestore = (input: string, dead: string, more: object = {}) =>
    rig.pipeline({
      ...{ service: 'icestore', ...rig.common, source: { subscriptionId: input }, bucket: { name: 'archive' } },
      ...{ deadLetters: { topicId: dead, subscriptionId: dead }, ...more },
    });

  test(
    'filters by reason and time; letters of other pipelines stay out of it',
    async () => {
      const [input, dead] = [await rig.newTopic('f-in'), await rig.newTopic('f-dead')];
      const pipeline = icestore(input, dead);
      await bury(dead, input, 2);
      await bury(dead, input, 3, { dlq_reason: 'hook_failed', dlq_time: '2026-01-01T00:00:00.000Z' });
      await bury(dead, input, 1, { dlq_reason: 'undecodable', dlq_time: '2026-01-02T00:00:00.000Z' });
      await bury(dead, 'another', 4);
      await rig.pubsub.topic(dead).publishMessage({ data: Buffer.from('no letter') });
      const count = async (...options: string[]) => (await rig.list(pipeline, ...options)).letters.length;
      const everything = await rig.list(pipeline, '--all');
      assert.equal(everything.byReason, { rejected: 6, hook_failed: 3, undecodable: 1, unknown: 1 });
      assert.equal([everything.letters[0]?.reason, everything.others], ['hook_failed', 0], 'by time');
      assert.is((await rig.list(pipeline)).others, 5);
      assert.is(await count('--reason', 'hook_failed', '--reason', 'undecodable'), 4);
      assert.is(await count('--from', '2026-01-01T00:00:00Z', '--until', '2026-01-02T00:00:00Z'), 3);
      assert.is(await count('--from', '2026-01-02T01:00:00+01:00', '--until', '2026-02-01T00:00:00Z'), 1);
      assert.is(await count('--limit', '2'), 2);

      const again = rig.collect(input);
      const { code, output } = await rig.run('replay', pipeline, '--reason', 'hook_failed', '--limit', '2', '--json');
      assert.is(code, 1, 'the limit left one of those that match');
      assert.match(output, 'stopped at 2 (--limit)');
      assert.is((await rig.run('replay', pipeline, '--until', '2026-01-02T00:00:00Z')).code, 0);
      await eventually(() => assert.is(again.length, 3));
      assert.equal((await rig.list(pipeline, '--all')).byReason, { rejected: 6, undecodable: 1, unknown: 1 });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'Ctrl-C during a replay loses nothing, and repeats nothing; --to replays elsewhere',
    async () => {
      const [input, other, dead] = [
        await rig.newTopic('c-in'),
        await rig.newTopic('c-to'),
        await rig.newTopic('c-dead'),
      ];
      const pipeline = icestore(input, dead);
      await bury(dead, input, 60);
      const arrived = rig.collect(other);
      const replay = await rig.start('replay', pipeline, '--to', other, '--rate', '20/s');
      await eventually(() => assert.ok(arrived.length >= 5));
      assert.is(await replay.end('SIGINT'), 1);
      assert.match(replay.output, 'interrupted');
      const replayed = Number(/(\d+) letters replayed/.exec(replay.stdout)?.[1]);
      assert.ok(replayed >= 5 && replayed < 60, replay.output);
      await eventually(() => assert.is(arrived.length, replayed));
      assert.is((await rig.list(pipeline)).letters.length, 60 - replayed, 'the others were given back at once');
      assert.is((await rig.run('replay', pipeline, '--to', other, '--rate', '1000')).code, 0);
      await eventually(() => assert.is(arrived.length, 60));
      assert.is(new Set(arrived.map(({ data }) => data.toString())).size, 60);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'what Pub/Sub itself has set aside is listed and replayed',
    async () => {
      const aside = await rig.newTopic('p-aside');
      const [dead, output] = [await rig.newTopic('p-dead'), await rig.newTopic('p-out')];
      const policy = {
        deadLetterTopic: `projects/${rig.sandbox.projectId}/topics/${aside}`,
        maxDeliveryAttempts: 5,
      };
      const input = await rig.newTopic('p-in', { deadLetterPolicy: policy });
      const config = {
        ...{ service: 'enrich', ...rig.common, source: { subscriptionId: input }, key: ['payload.device'] },
        ...{ lookup: { memory: {}, firestore: { collection: input } }, output: { topicId: output } },
        deadLetters: { topicId: dead, subscriptionId: dead, maxAttempts: 100 },
      };
      const pipeline = rig.pipeline(config);
      const broken = createEnrich(v.parse(enrichSchema, config), {
        ...QUIET,
        keyExtractor: () => {
          throw new Error('not yet');
        },
      });
      await broken.start();
      await broken.ready;
      for (const id of ['a', 'b', 'c']) await rig.publish(input, id, {}, { uid: id });
      await eventually(() => assert.is(broken.ledger.nacked, 15));
      assert.is((await broken.shutdown()).abandoned, 0);
      assert.is(broken.ledger.deadLettered, 0, 'the policy was faster than maxAttempts');

      const { letters } = await rig.list(pipeline, '--subscription', aside);
      const source = `projects/${rig.sandbox.projectId}/subscriptions/${input}`;
      assert.equal(
        letters.map((letter) => [letter.reason, letter.attempt, letter.source]),
        Array.from({ length: 3 }, () => ['max_delivery_attempts', 5, source]),
      );
      const ids = (listed: ListedLetters) => listed.letters.map(({ id }) => id).toSorted();
      assert.equal(ids(await rig.list(pipeline, '--policy')), letters.map(({ id }) => id).toSorted());
      const unnamed = rig.pipeline({ ...config, deadLetters: { topicId: aside } });
      assert.equal(ids(await rig.list(unnamed)), letters.map(({ id }) => id).toSorted(), 'the only one of the topic');

      const mended = createEnrich(v.parse(enrichSchema, config), QUIET);
      await mended.start();
      await mended.ready;
      const enriched = rig.collect(output);
      const { code, output: printed } = await rig.run('replay', pipeline, '--policy');
      assert.is(code, 0, printed);
      await eventually(() => assert.is(enriched.length, 3));
      assert.equal(
        enriched
          .map(({ attributes }) => attributes)
          .sort((one, other) => ((one.uid ?? '') < (other.uid ?? '') ? -1 : 1)),
        [{ uid: 'a' }, { uid: 'b' }, { uid: 'c' }],
      );
      assert.equal((await rig.list(pipeline, '--subscription', aside)).letters, []);
      assert.is((await mended.shutdown()).abandoned, 0);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'a cause that lasts makes no circle: what comes back while the replay runs stays',
    async () => {
      const [input, dead] = [await rig.newTopic('r-in'), await rig.newTopic('r-dead')];
      const pipeline = icestore(input, dead);
      await bury(dead, input, 10);
      // Whatever arrives is buried again at once.
      const subscription = rig.pubsub.subscription(input);
      const buried = receiveMessages(subscription, () => void bury(dead, input, 1));
      const { code, output } = await rig.run('replay', pipeline, '--rate', '10');
      await subscription.close();
      assert.is(code, 0, output);
      assert.is(buried.length, 10);
      assert.is((await rig.list(pipeline)).letters.length, 10);
    },
    TEST_TIMEOUT_MS,
  );

  test('refuses with code 2, and says what is wrong', async () => {
    const [input, dead] = [await rig.newTopic('x-in'), await rig.newTopic('x-dead')];
    const pipeline = icestore(input, dead);
    for (const [args, expected] of [
      [['list', '/no/such/pipeline'], /cannot be read/],
      [['list'], /missing required argument 'pipeline'/],
      [['show', pipeline], /missing required argument 'id'/],
      [['list', pipeline, '--reason', 'rejectd'], /Expected one of undecodable, .*max_delivery_attempts/],
      [['list', pipeline, '--from', 'yesterday'], /RFC 3339/],
      [['list', pipeline, '--limit', '0'], /whole number from 1/],
      [['replay', pipeline, '--rate', 'fast'], /letters a second/],
      [['list', pipeline, '--subscription', 'no-such'], /--subscription: .*no-such/],
      [['list', pipeline, '--policy'], /has no dead-letter policy/],
      [['replay', pipeline, '--to', 'no-such'], /--to: .*no-such/],
      [['replay', pipeline, '--to', dead], /the topic that the letters are read from/],
      [['list', icestore(input, dead, { deadLetters: undefined })], /deadLetters: not set.*--subscription/],
      [
        ['list', icestore(input, dead, { deadLetters: { topicId: dead, subscriptionId: 'gone' } })],
        /subscriptionId: .*gone/,
      ],
    ] as const) {
      const { code, output } = await rig.run(...args);
      assert.is(code, 2, `${args.join(' ')}\n${output}`);
      assert.match(output, expected);
    }
    const missing = await rig.run('show', pipeline, '7');
    assert.is(missing.code, 1);
    assert.match(missing.output, 'has no letter 7');
  });
});
