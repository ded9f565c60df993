import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { type TestDelivery, testContext, testDelivery } from '../testing/test-context.ts';
import { PoisonError } from './errors.ts';
import type { Ending } from './ledger.ts';

const POISON = new PoisonError('rejected', 'no good');

const OPERATIONS = ['ack', 'nack', 'drop', 'deadLetter', 'publish', 'refuse', 'expire', 'abandon'] as const;
type Operation = (typeof OPERATIONS)[number];

/** Model of a delivery: its expected state after each operation, independent of the code under test. */
class Model {
  state: 'open' | 'deadLettering' | 'expired' | 'deadLetteringExpired' | 'settled' = 'open';
  ending: Ending | undefined;
  told: string[] = [];
  holdsCredit = true;
  twice = 0;
  late = 0;

  apply(operation: Operation): void {
    const settling = { ack: 'acked', nack: 'nacked', drop: 'dropped', deadLetter: undefined } as const;
    if (operation in settling) this.#settle(operation as keyof typeof settling);
    else if (operation === 'publish' && this.state === 'deadLettering') this.#end('deadLettered', 'acknowledged');
    else if (operation === 'refuse' && this.state === 'deadLettering') this.#end('nacked', 'given back');
    else if (operation === 'abandon' && this.#isOpen) this.#end('nacked', 'given back');
    else if (operation === 'expire' && this.#isOpen) {
      this.ending = 'expired';
      this.state = this.state === 'open' ? 'expired' : 'deadLetteringExpired';
    } else if (this.state === 'deadLetteringExpired' && ['publish', 'refuse', 'abandon'].includes(operation)) {
      this.holdsCredit = false;
      this.state = 'settled';
    }
  }

  get #isOpen(): boolean {
    return this.state === 'open' || this.state === 'deadLettering';
  }

  #settle(operation: 'ack' | 'nack' | 'drop' | 'deadLetter'): void {
    if (this.state === 'expired') {
      this.late += 1;
      this.holdsCredit = false;
      this.state = 'settled';
    } else if (this.state !== 'open') this.twice += 1;
    else if (operation === 'deadLetter') this.state = 'deadLettering';
    else if (operation === 'nack') this.#end('nacked', 'given back');
    else this.#end(operation === 'ack' ? 'acked' : 'dropped', 'acknowledged');
  }

  #end(ending: Ending, told: string): void {
    this.state = 'settled';
    this.ending = ending;
    this.told.push(told);
    this.holdsCredit = false;
  }
}

function perform(delivery: TestDelivery, operation: Operation, context: ReturnType<typeof testContext>): void {
  const deadLettering = context.deadLettered.find(({ original }) => original === delivery.ackHandle.original);
  if (operation === 'publish') deadLettering?.publish();
  else if (operation === 'refuse') deadLettering?.refuse();
  else if (operation === 'deadLetter') delivery.deadLetter(POISON);
  else if (operation === 'expire' || operation === 'abandon') delivery.ackHandle[operation]();
  else delivery[operation]();
}

const total = (models: readonly Model[], of: (model: Model) => number | boolean): number =>
  models.reduce((sum, model) => sum + Number(of(model)), 0);

suite('delivery', ({ test }) => {
  test('every order of operations: settled once, credit released once, ledger balanced at every step', () => {
    const step = fc.record({ operation: fc.constantFrom(...OPERATIONS), index: fc.nat({ max: 3 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const context = testContext();
        const { ledger, credit } = context;
        const deliveries = [1, 10, 100, 1_000].map((size) => testDelivery(context, { payload: Buffer.alloc(size) }));
        const models = deliveries.map(() => new Model());
        for (const { operation, index } of steps) {
          const [delivery, model] = [deliveries[index], models[index]];
          if (delivery === undefined || model === undefined) throw new Error(`no delivery ${index}`);
          perform(delivery, operation, context);
          model.apply(operation);

          assert.ok(ledger.balanced, 'the books do not balance');
          for (const ending of ['acked', 'nacked', 'deadLettered', 'dropped', 'expired'] as const) {
            assert.is(
              ledger[ending],
              total(models, (each) => each.ending === ending),
              ending,
            );
          }
          assert.is(
            ledger.inFlight,
            total(models, (each) => each.ending === undefined),
          );
          assert.is(
            ledger.settledTwice,
            total(models, (each) => each.twice),
          );
          assert.is(
            ledger.settledLate,
            total(models, (each) => each.late),
          );
          assert.is(
            credit.messages,
            total(models, (each) => each.holdsCredit),
          );
          const held = deliveries.filter((_, at) => models[at]?.holdsCredit);
          assert.is(
            credit.bytes,
            held.reduce((sum, each) => sum + each.ackHandle.bytes, 0),
          );
          assert.equal(delivery.ackHandle.told, model.told);
          assert.is(delivery.ackHandle.isOpen, model.ending === undefined);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('a message copied with `with` shares the one right to settle', () => {
    const context = testContext();
    const delivery = testDelivery(context);
    const copy = delivery.with({ ...delivery.message, id: 'other' });
    copy.ack();
    delivery.nack();
    assert.equal(delivery.ackHandle.told, ['acknowledged']);
    assert.is(context.ledger.settledTwice, 1);
    assert.is(copy.message.id, 'other');
    assert.is(delivery.message.id, 'm1');
  });

  test('a dead letter keeps its credit until it is published, and carries the original', () => {
    const context = testContext();
    const delivery = testDelivery(context, { payload: 'as it came' });
    delivery.with({ ...delivery.message, payload: Buffer.from('changed') }).deadLetter(POISON);
    const [deadLettering] = context.deadLettered;
    assert.is(Buffer.from(deadLettering?.original.data ?? []).toString(), 'as it came');
    assert.is(deadLettering?.poison, POISON);
    assert.is(context.credit.messages, 1);
    assert.is(context.ledger.deadLettered, 0);
    deadLettering?.publish();
    assert.is(context.credit.messages, 0);
    assert.is(context.ledger.deadLettered, 1);
  });

  test('synchronous dead-lettering ends the delivery synchronously', () => {
    for (const [callback, ending, told] of [
      ['onPublished', 'deadLettered', 'acknowledged'],
      ['onRefused', 'nacked', 'given back'],
    ] as const) {
      const context = testContext();
      const at = {
        ...context,
        deadLetter: (_: unknown, __: unknown, done: { onPublished: () => void; onRefused: () => void }) => {
          done[callback]();
          return undefined;
        },
      };
      const delivery = testDelivery(at);
      delivery.deadLetter(POISON);
      assert.is(context.ledger[ending], 1);
      assert.is(context.credit.messages, 0);
      assert.equal(delivery.ackHandle.told, [told]);
    }
  });

  test('abandoning a delivery abandons its dead-lettering', () => {
    const context = testContext();
    const delivery = testDelivery(context);
    delivery.deadLetter(POISON);
    assert.not(context.deadLettered[0]?.abandoned);
    delivery.ackHandle.abandon();
    assert.ok(context.deadLettered[0]?.abandoned);
  });

  test('dead-lettering continues when its delivery expires, and keeps the credit until it ends', () => {
    const context = testContext();
    const delivery = testDelivery(context);
    delivery.deadLetter(POISON);
    delivery.ackHandle.expire();
    assert.not(context.deadLettered[0]?.abandoned);
    assert.is(context.credit.messages, 1);
    context.deadLettered[0]?.publish();
    assert.is(context.credit.messages, 0);
    assert.equal(delivery.ackHandle.told, [], 'the lease is gone: there is nothing to acknowledge');
    assert.equal([context.ledger.expired, context.ledger.deadLettered], [1, 0]);
  });

  test('the source is called after the ledger is updated and the credit released', () => {
    const context = testContext({ maxMessages: 1 });
    const delivery = testDelivery(context);
    context.credit.tryTake(1);
    const seen: unknown[] = [];
    context.credit.released.subscribe(() => seen.push([context.ledger.acked, context.credit.messages]));
    delivery.ack();
    assert.equal(seen, [[1, 0]]);
  });
});
