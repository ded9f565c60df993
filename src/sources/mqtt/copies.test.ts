import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { Copies } from './copies.ts';
import type { ReceivedPublish } from './publish-reader.ts';
import { isSharedId, subscriptionIdOf } from './subscription-id.ts';

const OLD = 2;
const NEW = 4;
let packetId = 0;

function packet(text: string, ids: readonly number[], changes: Partial<ReceivedPublish> = {}): ReceivedPublish {
  packetId += 1;
  const payload = Buffer.from(text);
  const flags = { dup: false, retain: false, properties: undefined };
  return { topic: 't', payload, packetId, ...flags, subscriptionIds: ids, byteLength: payload.length, ...changes };
}

suite('copies of a message', ({ test }) => {
  test('come by another subscription, behind the first one', () => {
    const copies = new Copies();
    assert.not(copies.isCopy(packet('a', [OLD])));
    assert.not(copies.isCopy(packet('other', [NEW], { topic: 'u' })));
    assert.ok(copies.isCopy(packet('a', [NEW])));
    assert.not(copies.isCopy(packet('a', [NEW])), 'an equal message of the same subscription is another one');
    assert.ok(copies.isCopy(packet('a', [OLD])));
    assert.not(copies.isCopy(packet('b', [OLD])));
  });

  test('have the same payload, also a large and a cut one', () => {
    const copies = new Copies();
    const large = 'x'.repeat(20_000);
    const cut = { whole: { byteLength: 9, sha256: 'aa' } };
    assert.not(copies.isCopy(packet(large, [OLD])));
    assert.ok(copies.isCopy(packet(large, [NEW])));
    assert.not(copies.isCopy(packet(`${large}y`, [OLD])));
    assert.not(copies.isCopy(packet('', [NEW])));
    assert.not(copies.isCopy(packet('x', [OLD], cut)));
    assert.ok(copies.isCopy(packet('x', [NEW], cut)));
    assert.not(copies.isCopy(packet('x', [8])));
  });

  test('are no redeliveries, nor without identifiers, nor of shared or ended subscriptions, nor QoS 1 behind QoS 0', () => {
    const shared = subscriptionIdOf('$share/g/t');
    assert.ok(isSharedId(shared));
    for (const [first, second] of [
      [packet('a', [OLD], { dup: true }), packet('a', [NEW])],
      [packet('a', [OLD]), packet('a', [NEW], { dup: true })],
      [packet('a', []), packet('a', [NEW])],
      [packet('a', [OLD]), packet('a', [])],
      [packet('a', [OLD]), packet('a', [shared])],
      [packet('a', [shared]), packet('a', [NEW])],
      [packet('a', [OLD], { packetId: 0 }), packet('a', [NEW])],
      [packet('a', [subscriptionIdOf('ended')]), packet('a', [NEW])],
    ] as const) {
      const copies = new Copies();
      copies.unsubscribed('ended');
      assert.not(copies.isCopy(first));
      assert.not(copies.isCopy(second));
    }
  });

  test('what came before a subscription ended, or a connection, has none after it', () => {
    for (const forget of [(copies: Copies) => copies.unsubscribed('old'), (copies: Copies) => copies.forget()]) {
      const copies = new Copies();
      assert.not(copies.isCopy(packet('a', [OLD])));
      forget(copies);
      assert.not(copies.isCopy(packet('a', [NEW])));
    }
  });

  test('are looked for from the first message on that is not by a present filter, or by two, or once filters overlap', () => {
    const [one, two, other] = ['a/+', 'b/+', '+/b'].map(subscriptionIdOf);
    assert.ok(one !== undefined && two !== undefined && other !== undefined);
    for (const ids of [[OLD], [one, OLD]]) {
      const copies = new Copies();
      copies.subscribed('a/+');
      copies.subscribed('b/+');
      assert.not(copies.isCopy(packet('a', [one])));
      assert.not(copies.isCopy(packet('a', [one])), 'an equal message');
      assert.is(
        copies.isCopy(packet('a', ids)),
        ids.length === 1,
        'the message before it is its copy, if no identifier is the same',
      );
      assert.is(copies.isCopy(packet('a', [two])), true);
    }
    const copies = new Copies();
    copies.subscribed('a/+');
    copies.subscribed('+/b');
    assert.not(copies.isCopy(packet('a', [one])));
    assert.not(copies.isCopy(packet('other', [one], { topic: 'u' })));
    assert.ok(copies.isCopy(packet('a', [other])));
  });

  test('property: while one subscription gets all messages, as many pass as there are, or more', () => {
    const message = fc.record({
      text: fc.constantFrom('on', 'off'),
      ids: fc.constantFrom([OLD], [OLD, NEW], [NEW, OLD]),
    });
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        const copies = new Copies();
        const passed = messages.flatMap(({ text, ids }) =>
          ids.filter((id) => !copies.isCopy(packet(text, [id]))).map(() => text),
        );
        for (const text of ['on', 'off']) {
          const sent = messages.filter((each) => each.text === text).length;
          const arrived = passed.filter((each) => each === text).length;
          assert.ok(arrived >= sent, `${arrived} of ${sent} "${text}" have passed`);
        }
        const isDoubled = messages.every(({ ids }) => ids.length === 2 && ids[0] === OLD);
        if (isDoubled) assert.is(passed.length, messages.length);
      }),
    );
  });
});

suite('subscription identifiers', ({ test }) => {
  test('are stable, within the limits of MQTT, and tell shared filters', () => {
    assert.is(subscriptionIdOf('tele/#'), subscriptionIdOf('tele/#'));
    fc.assert(
      fc.property(fc.string(), (filter) => {
        const id = subscriptionIdOf(filter);
        assert.ok(id >= 1 && id <= 268_435_455);
        assert.is(isSharedId(id), filter.startsWith('$share/'));
      }),
    );
  });
});
