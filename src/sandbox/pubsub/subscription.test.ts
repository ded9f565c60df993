import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import type { Subscriber } from './backlog.ts';
import { Subscription } from './subscription.ts';

const ACK_DEADLINE_SECONDS = 600;
const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Delivered {
  readonly ackId: string;
  readonly message: Buffer;
}

const isDelivered = (received: object): received is Delivered => 'ackId' in received && 'message' in received;

/** A subscription without a network, and the messages its consumers hold. A message's bytes are its number. */
class Model {
  readonly held = new Map<number, { ackId: string; consumer: Subscriber }>();
  readonly acked = new Set<number>();
  readonly subscription: Subscription;
  /** The first error found in a delivery. */
  failure: unknown;
  /** The ordering key of each published message. */
  readonly #keys: string[] = [];
  /** The last delivered message by ordering key. */
  readonly #last = new Map<string, number>();
  readonly #ordered: boolean;

  constructor(ordered: boolean) {
    this.#ordered = ordered;
    this.subscription = new Subscription({ enableMessageOrdering: ordered }, () => false);
    for (const maxMessages of [1, 3, Infinity]) this.#addConsumer(maxMessages);
  }

  publish(orderingKey: string): void {
    const id = String(this.#keys.length);
    this.subscription.add([{ id, publishTimeMs: 0, orderingKey, bytes: Buffer.from(id) }]);
    this.#keys.push(orderingKey);
  }

  /** Acknowledges or nacks one of the held messages. */
  settle(pick: number, outcome: 'acknowledged' | 0): void {
    const [index, lease] = Array.from(this.held)[pick % Math.max(1, this.held.size)] ?? [];
    if (index === undefined || lease === undefined) return;
    if (outcome === 'acknowledged') this.acked.add(index);
    this.#forget(index, outcome === 0);
    this.subscription.settle([lease.ackId], () => outcome);
  }

  expire(): void {
    this.held.clear();
    this.subscription.expire(performance.now() + (ACK_DEADLINE_SECONDS + 1) * 1000);
  }

  async ackAll(): Promise<void> {
    for (let idle = 0; idle < 5; idle = this.held.size === 0 ? idle + 1 : 0) {
      this.settle(0, 'acknowledged');
      await turn();
    }
    if (this.failure !== undefined) throw this.failure;
    assert.is(this.acked.size, this.#keys.length, 'no message is lost');
  }

  /** With an ordering key, a nack also takes back later messages of its key. */
  #forget(index: number, withSuccessors: boolean): void {
    const key = this.#keys[index];
    for (const other of Array.from(this.held.keys()))
      if (
        other === index ||
        (withSuccessors && this.#ordered && key !== '' && other > index && this.#keys[other] === key)
      )
        this.held.delete(other);
  }

  #addConsumer(maxMessages: number): void {
    const consumer: Subscriber = {
      maxMessages,
      maxBytes: Infinity,
      ackDeadlineSeconds: ACK_DEADLINE_SECONDS,
      outstanding: 0,
      outstandingBytes: 0,
      paused: () => false,
      deliver: (received) => {
        try {
          assert.ok(consumer.outstanding <= maxMessages, 'a consumer gets at most its limit');
          for (const one of received.filter(isDelivered)) {
            const index = Number(one.message.toString());
            this.#checkDelivery(consumer, index);
            this.held.set(index, { ackId: one.ackId, consumer });
          }
        } catch (error) {
          this.failure ??= error;
        }
      },
      end: () => {},
    };
    this.subscription.subscribers.add(consumer);
  }

  #checkDelivery(consumer: Subscriber, index: number): void {
    assert.not.ok(this.held.has(index), 'a leased message is not delivered again');
    const key = this.#keys[index] ?? '';
    if (!this.#ordered || key === '') {
      assert.not.ok(this.acked.has(index), 'an acknowledged message is not delivered again');
      return;
    }
    for (let between = (this.#last.get(key) ?? -1) + 1; between < index; between += 1)
      assert.not.ok(this.#keys[between] === key, 'no message of a key is passed over');
    this.#last.set(key, index);
    for (const [other, lease] of this.held) {
      if (this.#keys[other] !== key) continue;
      assert.is(lease.consumer, consumer, 'a key stays with one consumer');
      assert.ok(other < index, 'a returned message repeats its successors');
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
  for (const ordered of [false, true]) {
    test(`loses and reorders nothing, whatever consumers do (ordered ${ordered})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
          const model = new Model(ordered);
          for (const taken of steps) {
            if ('publish' in taken) model.publish(taken.publish);
            else if ('ack' in taken) model.settle(taken.ack, 'acknowledged');
            else if ('nack' in taken) model.settle(taken.nack, 0);
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
