import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { Copies } from './copies.ts';
import { isSharedId, newSubscriptionId } from './subscription-id.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

const OLD = 2;
const NEW = 4;
const OTHER = 6;
let packetId = 0;

function packet(text: string, ids: readonly number[], changes: Partial<ReceivedPublish> = {}): ReceivedPublish {
  packetId += 1;
  const payload = Buffer.from(text);
  const flags = { dup: false, retain: false, properties: undefined };
  return { topic: 't', payload, packetId, ...flags, subscriptionIds: ids, byteLength: payload.length, ...changes };
}

/** A new instance with `t` subscribed as NEW. */
function subscribed(): Copies {
  const copies = new Copies();
  copies.subscribing('t', NEW);
  return copies;
}

suite('copies of a message', ({ test }) => {
  test('come through another subscription than a present one that has delivered part of the run', () => {
    const copies = subscribed();
    copies.subscribing('+', OTHER);
    assert.not(copies.isCopy(packet('a', [NEW])));
    assert.not(copies.isCopy(packet('other', [OLD], { topic: 'u' })));
    assert.ok(copies.isCopy(packet('a', [OLD])));
    assert.ok(copies.isCopy(packet('a', [OLD])), 'another message, and NEW brings it too');
    assert.not(copies.isCopy(packet('a', [NEW])));
    assert.not(copies.isCopy(packet('b', [NEW])));
    assert.ok(copies.isCopy(packet('b', [OTHER])));
    assert.ok(copies.isCopy(packet('b', [8])));
  });

  test('of absent subscriptions are recognized once each has delivered something before the run', () => {
    const copies = new Copies();
    assert.not(copies.isCopy(packet('a', [OLD])));
    assert.not(copies.isCopy(packet('a', [NEW])), 'it may be another message');
    assert.not(copies.isCopy(packet('b', [OLD])));
    assert.ok(copies.isCopy(packet('b', [NEW])));
    assert.not(copies.isCopy(packet('b', [NEW])), 'an equal message of the same subscription is another one');
    assert.ok(copies.isCopy(packet('b', [OLD])));
  });

  test('are recognized immediately for filters that existed before anything arrived', () => {
    for (const hasCome of [false, true]) {
      const copies = subscribed();
      copies.received({ retain: true });
      if (hasCome) copies.received({ retain: false });
      copies.subscribed();
      assert.not(copies.isCopy(packet('a', [OLD])));
      assert.is(copies.isCopy(packet('a', [NEW])), !hasCome);
    }
  });

  test('are not recognized by the first subscription once its filter is unsubscribed or subscribed again', () => {
    for (const change of [
      (copies: Copies) => copies.unsubscribing('t'),
      (copies: Copies) => copies.subscribing('t', OTHER),
    ]) {
      const copies = subscribed();
      copies.subscribing('+', OLD);
      assert.not(copies.isCopy(packet('a', [NEW])));
      change(copies);
      assert.not(copies.isCopy(packet('a', [OLD])));
    }
  });

  test('have the same payload, even if large or truncated', () => {
    const copies = subscribed();
    copies.subscribing('+', OLD);
    const large = 'x'.repeat(20_000);
    const cut = { whole: { byteLength: 9, sha256: 'aa' } };
    assert.not(copies.isCopy(packet(large, [NEW])));
    assert.ok(copies.isCopy(packet(large, [OLD])));
    assert.not(copies.isCopy(packet(`${large}y`, [NEW])));
    assert.not(copies.isCopy(packet('', [OLD])));
    assert.not(copies.isCopy(packet('x', [NEW], cut)));
    assert.ok(copies.isCopy(packet('x', [OLD], cut)));
    assert.not(copies.isCopy(packet('x', [8])));
  });

  test('have the same properties, except for their remaining lifetime', () => {
    const userProperties = [['id', '1']] as const;
    const first = packet('a', [NEW], { properties: { userProperties, messageExpiryInterval: 9 } });
    for (const [properties, isCopy] of [
      [{ userProperties, messageExpiryInterval: 8 }, true],
      [{ userProperties: [['id', '2']] }, false],
      [{ userProperties, correlationData: Buffer.from('c') }, false],
      [undefined, false],
    ] as const) {
      const copies = subscribed();
      copies.subscribing('+', OLD);
      assert.not(copies.isCopy(first));
      assert.is(copies.isCopy(packet('a', [OLD], { properties })), isCopy);
    }
  });

  test('are never redeliveries, packets without identifiers, of shared subscriptions or of another QoS', () => {
    const shared = newSubscriptionId('$share/g/t');
    assert.ok(isSharedId(shared));
    for (const [first, second] of [
      [packet('a', [NEW], { dup: true }), packet('a', [OLD])],
      [packet('a', [NEW]), packet('a', [OLD], { dup: true })],
      [packet('a', []), packet('a', [OLD])],
      [packet('a', [NEW]), packet('a', [])],
      [packet('a', [NEW]), packet('a', [shared])],
      [packet('a', [shared]), packet('a', [OLD])],
      [packet('a', [NEW], { packetId: 0 }), packet('a', [OLD])],
      [packet('a', [NEW]), packet('a', [OLD], { packetId: 0 })],
    ] as const) {
      const copies = subscribed();
      copies.subscribing('+', OLD);
      assert.not(copies.isCopy(first));
      assert.not(copies.isCopy(second));
    }
  });

  test('are not recognized across connections', () => {
    const copies = subscribed();
    copies.subscribing('+', OLD);
    assert.not(copies.isCopy(packet('a', [NEW])));
    copies.forget();
    assert.not(copies.isCopy(packet('a', [OLD])));
    assert.not(copies.isCopy(packet('a', [NEW])), 'NEW is not of this connection');
  });

  test('are looked for once present filters overlap, or a message comes through an absent one', () => {
    const copies = new Copies();
    copies.subscribing('a/+', NEW);
    copies.subscribing('b/+', OTHER);
    assert.not(copies.isCopy(packet('a', [NEW])));
    assert.not(copies.isCopy(packet('a', [OTHER])), 'such filters have no topic in common');
    assert.not(copies.isCopy(packet('b', [OLD])));
    assert.not(copies.isCopy(packet('c', [NEW])));
    assert.ok(copies.isCopy(packet('c', [OLD])));
  });
});

/** Events between a broker's session and its client's connections. */
type Step =
  | { readonly what: 'subscribe'; readonly filter: number }
  | { readonly what: 'unsubscribe'; readonly filter: number }
  | {
      readonly what: 'publish';
      readonly messages: readonly { topic: string; text: string }[];
      readonly order: number[];
    }
  | { readonly what: 'settle' }
  | { readonly what: 'reach'; readonly count: number }
  | { readonly what: 'deliver'; readonly count: number }
  | { readonly what: 'reconnect'; readonly unacknowledged: readonly boolean[]; readonly isLost: boolean };

const FILTERS = ['+', '#', '+/#'] as const;
const filter = fc.nat(FILTERS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('subscribe', 'unsubscribe'), filter }) },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('publish'),
      messages: fc.array(fc.record({ topic: fc.constantFrom('t', 'u'), text: fc.constantFrom('on', 'on', 'off') }), {
        minLength: 1,
        maxLength: 2,
      }),
      order: fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constantFrom('reach', 'deliver'), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('settle') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('reconnect'),
      unacknowledged: fc.array(fc.boolean(), { maxLength: 4 }),
      isLost: fc.boolean(),
    }),
  },
);

interface Queued {
  readonly topic: string;
  readonly text: string;
  readonly id: number;
  /** Messages that arrived at the same time. */
  readonly batch: number;
  readonly dup: boolean;
}

/** Counts messages that a consumer can distinguish. */
type Counts = Map<string, number>;

/** Runs the steps, then delivers everything. `mostTwice` is the maximum number of duplicates. */
function run(
  steps: readonly Step[],
  mixed: boolean,
): { sent: Counts; passed: Counts; dropped: number; mostTwice: number } {
  const sent: Counts = new Map();
  const passed: Counts = new Map();
  const add = (counts: Counts, { topic, text }: { topic: string; text: string }, count: number) =>
    counts.set(`${topic} ${text}`, (counts.get(`${topic} ${text}`) ?? 0) + count);
  let dropped = 0;
  let mostTwice = 0;
  let batch = 0;
  /** The broker's subscriptions, and the messages it has not sent. */
  const subscriptions = new Map<number, number>();
  let queue: Queued[] = [];
  let copies = new Copies();
  /** Commands on their way to the broker. */
  let commands: (() => void)[] = [];
  let delivered: { readonly packet: Queued; readonly isCopy: boolean }[] = [];

  const reach = (count: number) => {
    for (const command of commands.splice(0, count)) command();
  };
  const deliver = (count: number) => {
    for (const queued of queue.splice(0, count)) {
      const { topic, text, id, dup } = queued;
      copies.received({ retain: false });
      const isCopy = copies.isCopy(packet(text, [id], { topic, dup }));
      // A redelivery passes, and so may its copy. A new subscription: one on each of the two topics.
      if (dup || !delivered.some(({ packet: { id: other } }) => other === id)) mostTwice += 2;
      if (isCopy) dropped += 1;
      else add(passed, queued, 1);
      delivered.push({ packet: queued, isCopy });
    }
  };
  /** Queues the copies of simultaneous messages, interleaved in any way that keeps the order of each subscription. */
  const publish = (messages: readonly { topic: string; text: string }[], order: readonly number[]) => {
    if (subscriptions.size === 0) return;
    batch += 1;
    for (const message of messages) add(sent, message, 1);
    const lanes = [...subscriptions.values()].map((id) =>
      messages.map((message) => ({ ...message, id, batch, dup: false })),
    );
    for (let turn = 0; ; turn += 1) {
      const waiting = lanes.filter(({ length }) => length > 0);
      const next = waiting[(order[turn] ?? 0) % Math.max(1, waiting.length)]?.shift();
      if (next === undefined) return;
      queue.push(next);
    }
  };
  for (const each of steps) {
    if (each.what === 'publish' && mixed) publish(each.messages, each.order);
    else if (each.what === 'publish') for (const message of each.messages) publish([message], each.order);
    else if (each.what === 'reach') reach(each.count);
    else if (each.what === 'settle') {
      // The SUBACK follows everything that was queued.
      reach(commands.length);
      deliver(queue.length);
      copies.subscribed();
    } else if (each.what === 'deliver') deliver(each.count);
    else if (each.what === 'subscribe') {
      const id = newSubscriptionId('t');
      copies.subscribing(FILTERS[each.filter] ?? '', id);
      commands.push(() => subscriptions.set(each.filter, id));
    } else if (each.what === 'unsubscribe') {
      copies.unsubscribing(FILTERS[each.filter] ?? '');
      commands.push(() => subscriptions.delete(each.filter));
    } else {
      // A connection that breaks between mixed copies is not covered.
      const started = delivered.at(-1)?.packet.batch;
      if (mixed) deliver(queue.filter((queued) => queued.batch === started).length);
      if (!each.isLost) reach(commands.length);
      commands = [];
      // Unacknowledged messages that a crash discards are delivered again.
      const again = delivered
        .slice(-each.unacknowledged.length || delivered.length)
        .filter((_, index) => each.unacknowledged[index]);
      for (const { packet: queued, isCopy } of again) if (!isCopy) add(passed, queued, -1);
      queue = [...again.map(({ packet: queued }) => ({ ...queued, dup: true })), ...queue];
      delivered = [];
      copies = new Copies();
    }
  }
  reach(commands.length);
  deliver(queue.length);
  return { sent, passed, dropped, mostTwice };
}

function total(counts: Counts): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

suite('copies of a message: properties', ({ test }) => {
  for (const mixed of [false, true])
    test(`property: no message is lost, whatever begins, ends, waits or breaks${mixed ? ', with interleaved copies' : ''}`, () => {
      let dropped = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
          const result = run(steps, mixed);
          dropped += result.dropped;
          for (const [message, count] of result.sent) {
            const arrived = result.passed.get(message) ?? 0;
            assert.ok(arrived >= count, `${arrived} of ${count} "${message}" have passed`);
          }
          const twice = total(result.passed) - total(result.sent);
          if (!mixed)
            assert.ok(twice <= result.mostTwice, `${twice} duplicates, at most ${result.mostTwice} are stated`);
        }),
        { numRuns: 2_000 },
      );
      assert.ok(dropped > 0);
    });

  test('property: while subscriptions stay, each causes at most one duplicate', () => {
    const ids = [OLD, NEW, OTHER];
    const messages = fc.array(
      fc.record({ text: fc.constantFrom('on', 'off'), ids: fc.shuffledSubarray(ids, { minLength: 3 }) }),
    );
    fc.assert(
      fc.property(messages, fc.boolean(), (all, isPresent) => {
        const copies = new Copies();
        if (isPresent) for (const [index, id] of ids.entries()) copies.subscribing(FILTERS[index] ?? '', id);
        const passed = all.flatMap((each) => each.ids.filter((id) => !copies.isCopy(packet(each.text, [id])))).length;
        assert.ok(passed >= all.length);
        assert.ok(passed <= all.length + (isPresent ? 0 : ids.length - 1), `${passed} of ${all.length}`);
      }),
    );
  });
});

suite('subscription identifiers', ({ test }) => {
  test("are never reused, stay within MQTT's limits, and mark shared filters", () => {
    const used = new Set<number>();
    fc.assert(
      fc.property(fc.constantFrom('tele/#', '$share/g/tele/#'), (each) => {
        const id = newSubscriptionId(each);
        assert.ok(id >= 1 && id <= 268_435_455);
        assert.is(isSharedId(id), each.startsWith('$share/'));
        assert.not(used.has(id));
        used.add(id);
      }),
    );
  });
});
