import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { OrderBarrier } from './order-barrier.ts';

const KEY = 'device-1';

interface Copy {
  readonly id: string;
  readonly lease: number;
}

/** One ordering key of a subscription: a nack brings back its message and all later ones, even acknowledged ones. */
class OrderedSubscription {
  /**
   * Remaining messages, in order; those before `#next` are out. A later copy takes over the lease of an earlier one.
   */
  readonly #messages: { readonly id: string; lease: number }[];
  #next = 0;
  #lastLease = 0;

  constructor(count: number) {
    this.#messages = Array.from({ length: count }, (_, index) => ({ id: String(index).padStart(4, '0'), lease: 0 }));
  }

  send(): Copy | undefined {
    const message = this.#messages[this.#next];
    if (message === undefined) return undefined;
    this.#next += 1;
    this.#lastLease += 1;
    message.lease = this.#lastLease;
    return { ...message };
  }

  /** `isSetAside`: the dead-letter policy removes the message, so that it never comes back. */
  nack({ id, lease }: Copy, isSetAside: boolean): void {
    const index = this.#messages.findIndex((message) => message.id === id && message.lease === lease);
    if (index < 0) return;
    for (const later of this.#messages.slice(index)) later.lease = 0;
    if (isSetAside) this.#messages.splice(index, 1);
    this.#next = index;
  }
}

suite('OrderBarrier', ({ test }) => {
  test('first deliveries of a key keep their order, whatever goes back or is in transit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 0x7fffffff }),
        fc.boolean(),
        (count, seed, mayVanish) => {
          let state = seed;
          /** Returns 0 to 99, from a linear congruential generator. */
          const roll = (): number => {
            state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
            return Math.floor((state / 2 ** 32) * 100);
          };
          const server = new OrderedSubscription(count);
          const barrier = new OrderBarrier();
          const wire: Copy[] = [];
          const nacks: { copy: Copy; isSetAside: boolean }[] = [];
          const held: (Copy & { sequence: number })[] = [];
          const published: string[] = [];
          const vanished = new Set<string>();
          let sequence = 0;
          let failures = 0;
          const goBack = (copy: Copy, isSetAside = false): void => {
            nacks.push({ copy, isSetAside });
          };
          for (let step = 0; step < 4_000; step += 1) {
            const what = roll() % 4;
            if (what === 0) {
              const sent = server.send();
              if (sent !== undefined) wire.push(sent);
            } else if (what === 1) {
              const nack = nacks.shift();
              if (nack !== undefined) server.nack(nack.copy, nack.isSetAside);
            } else if (what === 2) {
              const received = wire.shift();
              if (received === undefined) continue;
              sequence += 1;
              if (barrier.admits(KEY, received.id, sequence)) held.push({ ...received, sequence });
              else goBack(received);
            } else {
              const next = held.shift();
              if (next === undefined) continue;
              const fails = failures < 20 && roll() < 25;
              if (barrier.mustReturn(KEY, next.sequence)) {
                barrier.returned(KEY, next.id, next.sequence, step);
                goBack(next);
              } else if (fails) {
                failures += 1;
                barrier.returned(KEY, next.id, next.sequence, step);
                const isSetAside = mayVanish && !published.includes(next.id) && roll() < 30;
                if (isSetAside) vanished.add(next.id);
                goBack(next, isSetAside);
              } else published.push(next.id);
              barrier.review({ oldest: held[0]?.sequence ?? sequence + 1, next: sequence + 1, now: step });
            }
          }
          const first = [...new Set(published)];
          if (!mayVanish) assert.equal(first, [...first].sort(), 'in order');
          const expected = count - [...vanished].filter((id) => !first.includes(id)).length;
          assert.is(first.length, expected, 'and none is left out');
          if (mayVanish) barrier.review({ oldest: sequence + 1, next: sequence + 1, now: 10 * 660_000 });
          assert.is(barrier.size, 0, 'nothing is remembered in the end');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a key whose message never returns is unblocked after the longest backoff', () => {
    const barrier = new OrderBarrier();
    barrier.returned(KEY, 'a', 1, 0);
    assert.not.ok(barrier.admits(KEY, 'b', 2));
    assert.ok(barrier.admits('another', 'c', 3));
    barrier.review({ oldest: 1, next: 4, now: 660_000 });
    assert.not.ok(barrier.admits(KEY, 'b', 3));
    assert.ok(barrier.mustReturn(KEY, 2));
    barrier.review({ oldest: 1, next: 4, now: 660_001 });
    assert.ok(barrier.admits(KEY, 'b', 4));
    assert.ok(barrier.mustReturn(KEY, 2), 'a copy from before is around still');
    barrier.review({ oldest: 4, next: 5, now: 660_002 });
    assert.is(barrier.size, 0);
  });
});
