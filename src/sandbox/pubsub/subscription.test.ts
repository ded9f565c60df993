import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { AckIds, writeAckId } from './ack-id.ts';
import type { Consumer, Entry } from './entry.ts';
import { LeaseTable } from './lease-table.ts';
import { Subscription } from './subscription.ts';
import { TimerWheel } from './timer-wheel.ts';

const ACK_DEADLINE_MS = 10_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A subscription without a network, on a clock of its own, and what its consumers hold. */
class Model {
  readonly held = new Map<number, { ackId: Buffer; consumer: number }>();
  readonly acked = new Set<number>();
  /** The first thing that was wrong with a delivery. */
  failure: unknown;
  readonly subscription: Subscription;
  readonly #consumers: Consumer[] = [];
  readonly #wheel: TimerWheel<Entry>;
  /** The ordering key of each published message. */
  readonly #keys: string[] = [];
  /** By ordering key the message that was delivered last. */
  readonly #last = new Map<string, number>();
  #now = 0;

  constructor(ordered: boolean, once: boolean) {
    this.#wheel = new TimerWheel<Entry>(
      (entry) => entry.owner.due(entry),
      () => this.#now,
    );
    const settings = { enableMessageOrdering: ordered, enableExactlyOnceDelivery: once };
    const shared = { leases: new LeaseTable(), wheel: this.#wheel, deadLetter: () => false };
    this.subscription = new Subscription(settings, shared);
    for (const room of [1, 3, Infinity]) this.#consumers.push(this.#newConsumer(this.#consumers.length, room));
    for (const consumer of this.#consumers) this.subscription.attach(consumer);
  }

  publish(orderingKey: string): void {
    const published = { bytes: Buffer.alloc(0), publishTimeMs: 0, firstId: 0 };
    this.subscription.add({ published, index: this.#keys.length, start: 0, end: 0, orderingKey });
    this.#keys.push(orderingKey);
    this.subscription.dispatch();
  }

  /** Acknowledges, or nacks, one of the messages that are held. */
  settle(pick: number, how: 'ack' | 'nack'): void {
    const [index, lease] = Array.from(this.held)[pick % Math.max(1, this.held.size)] ?? [];
    if (index === undefined || lease === undefined) return;
    const ackIds = new AckIds(lease.ackId);
    ackIds.add(0, lease.ackId.length);
    if (how === 'ack') this.acked.add(index);
    const missing = how === 'ack' ? this.subscription.acknowledge(ackIds) : this.subscription.modify(ackIds, () => 0);
    assert.equal(missing, [], 'a message that is held has a lease');
  }

  expire(): void {
    this.#now += ACK_DEADLINE_MS + 1000;
    this.#wheel.advance();
  }

  async ackAll(): Promise<void> {
    for (let rounds = 0; rounds < 1000; rounds += 1) {
      await turn();
      if (this.held.size === 0) break;
      this.settle(0, 'ack');
    }
    this.#wheel.close();
    if (this.failure !== undefined) throw this.failure;
    assert.is(this.acked.size, this.#keys.length, 'no message is lost');
  }

  #newConsumer(number: number, room: number): Consumer {
    let outstanding = 0;
    return {
      get wants() {
        return outstanding < room;
      },
      ackDeadlineMs: ACK_DEADLINE_MS,
      add: (entry) => {
        outstanding += 1;
        try {
          assert.ok(outstanding <= room, 'a consumer gets no more than it wants');
          this.#checkDelivery(number, entry.message.index, entry.message.orderingKey);
        } catch (error) {
          this.failure ??= error;
        }
        const ackId = Buffer.alloc(16);
        writeAckId(ackId, 0, entry.slot, entry.generation);
        this.held.set(entry.message.index, { ackId, consumer: number });
      },
      flush: () => {},
      settled: (entry) => {
        outstanding -= 1;
        this.held.delete(entry.message.index);
      },
      end: () => {},
    };
  }

  #checkDelivery(consumer: number, index: number, key: string): void {
    assert.not.ok(this.held.has(index), 'a leased message is not delivered again');
    const { enableMessageOrdering, enableExactlyOnceDelivery } = this.subscription.settings;
    if (enableExactlyOnceDelivery || !enableMessageOrdering) assert.not.ok(this.acked.has(index), 'not acknowledged');
    if (!enableMessageOrdering || key === '') return;
    for (let between = (this.#last.get(key) ?? -1) + 1; between < index; between += 1) {
      if (this.#keys[between] !== key) continue;
      assert.ok(enableExactlyOnceDelivery && this.acked.has(between), 'no message of a key is passed over');
    }
    this.#last.set(key, index);
    for (const [other, lease] of this.held) {
      if (this.#keys[other] !== key) continue;
      assert.is(lease.consumer, consumer, 'a key stays with one consumer');
      assert.ok(other < index, 'what comes back brings its successors');
    }
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ publish: fc.constantFrom('', 'a', 'b', 'c') }) },
  { weight: 4, arbitrary: fc.record({ ack: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ nack: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ expire: true }) },
  { weight: 2, arbitrary: fc.constant({ turn: true }) },
);

suite('Subscription', ({ test }) => {
  for (const [ordered, once] of [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const) {
    test(`loses and mixes up nothing, whatever consumers do (ordered ${ordered}, exactly once ${once})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
          const model = new Model(ordered, once);
          for (const taken of steps) {
            if ('publish' in taken) model.publish(taken.publish);
            else if ('ack' in taken) model.settle(taken.ack, 'ack');
            else if ('nack' in taken) model.settle(taken.nack, 'nack');
            else if ('expire' in taken) model.expire();
            else await turn();
          }
          await model.ackAll();
        }),
        { numRuns: 150 },
      );
    });
  }
});
