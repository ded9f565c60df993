import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { type TestDelivery, testDelivery, testDesk } from '../testing/test-context.ts';
import { PoisonError } from './errors.ts';
import type { Ending } from './ledger.ts';

const POISON = new PoisonError('rejected', 'no good');

const OPERATIONS = ['ack', 'nack', 'drop', 'deadLetter', 'publish', 'refuse', 'lapse', 'abandon'] as const;
type Operation = (typeof OPERATIONS)[number];

/** What one delivery should be, after what was done to it: written as a table, independent of the code. */
class Model {
  state: 'open' | 'burying' | 'lapsed' | 'buryingLapsed' | 'settled' = 'open';
  ending: Ending | undefined;
  told: string[] = [];
  holdsCredit = true;
  twice = 0;
  late = 0;

  apply(operation: Operation): void {
    const settling = { ack: 'acked', nack: 'nacked', drop: 'dropped', deadLetter: undefined } as const;
    if (operation in settling) this.#settle(operation as keyof typeof settling);
    else if (operation === 'publish' && this.state === 'burying') this.#end('deadLettered', 'acknowledged');
    else if (operation === 'refuse' && this.state === 'burying') this.#end('nacked', 'given back');
    else if (operation === 'abandon' && this.#isOpen) this.#end('nacked', 'given back');
    else if (operation === 'lapse' && this.#isOpen) {
      this.ending = 'lapsed';
      this.state = this.state === 'open' ? 'lapsed' : 'buryingLapsed';
    } else if (this.state === 'buryingLapsed' && ['publish', 'refuse', 'abandon'].includes(operation)) {
      this.holdsCredit = false;
      this.state = 'settled';
    }
  }

  get #isOpen(): boolean {
    return this.state === 'open' || this.state === 'burying';
  }

  #settle(operation: 'ack' | 'nack' | 'drop' | 'deadLetter'): void {
    if (this.state === 'lapsed') {
      this.late += 1;
      this.holdsCredit = false;
      this.state = 'settled';
    } else if (this.state !== 'open') this.twice += 1;
    else if (operation === 'deadLetter') this.state = 'burying';
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

function perform(delivery: TestDelivery, operation: Operation, desk: ReturnType<typeof testDesk>): void {
  const burial = desk.burials.find(({ original }) => original === delivery.ticket.original);
  if (operation === 'publish') burial?.publish();
  else if (operation === 'refuse') burial?.refuse();
  else if (operation === 'deadLetter') delivery.deadLetter(POISON);
  else if (operation === 'lapse' || operation === 'abandon') delivery.ticket[operation]();
  else delivery[operation]();
}

const total = (models: readonly Model[], of: (model: Model) => number | boolean): number =>
  models.reduce((sum, model) => sum + Number(of(model)), 0);

suite('delivery', ({ test }) => {
  test('every order of operations: settled once, credit released once, books balanced at every step', () => {
    const step = fc.record({ operation: fc.constantFrom(...OPERATIONS), index: fc.nat({ max: 3 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const desk = testDesk();
        const { ledger, credit } = desk;
        const deliveries = [1, 10, 100, 1_000].map((size) => testDelivery(desk, { payload: Buffer.alloc(size) }));
        const models = deliveries.map(() => new Model());
        for (const { operation, index } of steps) {
          const [delivery, model] = [deliveries[index], models[index]];
          if (delivery === undefined || model === undefined) throw new Error(`no delivery ${index}`);
          perform(delivery, operation, desk);
          model.apply(operation);

          assert.ok(ledger.balanced, 'the books do not balance');
          for (const ending of ['acked', 'nacked', 'deadLettered', 'dropped', 'lapsed'] as const) {
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
            held.reduce((sum, each) => sum + each.ticket.bytes, 0),
          );
          assert.equal(delivery.ticket.told, model.told);
          assert.is(delivery.ticket.isOpen, model.ending === undefined);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('a message copied with `with` shares the one right to settle', () => {
    const desk = testDesk();
    const delivery = testDelivery(desk);
    const copy = delivery.with({ ...delivery.message, id: 'other' });
    copy.ack();
    delivery.nack();
    assert.equal(delivery.ticket.told, ['acknowledged']);
    assert.is(desk.ledger.settledTwice, 1);
    assert.is(copy.message.id, 'other');
    assert.is(delivery.message.id, 'm1');
  });

  test('a dead letter keeps its credit until it is published, and carries the original', () => {
    const desk = testDesk();
    const delivery = testDelivery(desk, { payload: 'as it came' });
    delivery.with({ ...delivery.message, payload: Buffer.from('changed') }).deadLetter(POISON);
    const [burial] = desk.burials;
    assert.is(Buffer.from(burial?.original.data ?? []).toString(), 'as it came');
    assert.is(burial?.poison, POISON);
    assert.is(desk.credit.messages, 1);
    assert.is(desk.ledger.deadLettered, 0);
    burial?.publish();
    assert.is(desk.credit.messages, 0);
    assert.is(desk.ledger.deadLettered, 1);
  });

  test('a burial that ends at once ends the delivery at once', () => {
    for (const [callback, ending, told] of [
      ['onPublished', 'deadLettered', 'acknowledged'],
      ['onRefused', 'nacked', 'given back'],
    ] as const) {
      const desk = testDesk();
      const at = {
        ...desk,
        bury: (_: unknown, __: unknown, done: { onPublished: () => void; onRefused: () => void }) => {
          done[callback]();
          return undefined;
        },
      };
      const delivery = testDelivery(at);
      delivery.deadLetter(POISON);
      assert.is(desk.ledger[ending], 1);
      assert.is(desk.credit.messages, 0);
      assert.equal(delivery.ticket.told, [told]);
    }
  });

  test('abandoning a delivery abandons its burial', () => {
    const desk = testDesk();
    const delivery = testDelivery(desk);
    delivery.deadLetter(POISON);
    assert.not(desk.burials[0]?.abandoned);
    delivery.ticket.abandon();
    assert.ok(desk.burials[0]?.abandoned);
  });

  test('a burial goes on when its delivery lapses, and keeps the credit till then', () => {
    const desk = testDesk();
    const delivery = testDelivery(desk);
    delivery.deadLetter(POISON);
    delivery.ticket.lapse();
    assert.not(desk.burials[0]?.abandoned);
    assert.is(desk.credit.messages, 1);
    desk.burials[0]?.publish();
    assert.is(desk.credit.messages, 0);
    assert.equal(delivery.ticket.told, [], 'the lease is gone: there is nothing to acknowledge');
    assert.equal([desk.ledger.lapsed, desk.ledger.deadLettered], [1, 0]);
  });

  test('the source hears of it after the books are closed and the credit is back', () => {
    const desk = testDesk({ maxMessages: 1 });
    const delivery = testDelivery(desk);
    desk.credit.tryTake(1);
    const seen: unknown[] = [];
    desk.credit.released.subscribe(() => seen.push([desk.ledger.acked, desk.credit.messages]));
    delivery.ack();
    assert.equal(seen, [[1, 0]]);
  });
});
