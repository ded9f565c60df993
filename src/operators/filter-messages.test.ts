import { NEVER, of, Subject, throwError } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { FatalError, PoisonError, RetryableError } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { filterMessages } from './filter-messages.ts';

suite('filterMessages', ({ test }) => {
  test('passes the same delivery, unsettled, if the predicate holds', () => {
    const delivery = testDelivery(testContext(), { attributes: { level: 'high' } });
    const seen: Delivery[] = [];
    of(delivery)
      .pipe(filterMessages(({ attributes }) => attributes.level === 'high'))
      .subscribe((passed) => seen.push(passed));
    assert.is(seen[0], delivery);
    assert.equal(delivery.ackHandle.told, []);
    assert.is(delivery.ackHandle.context.ledger.inFlight, 1);
  });

  test('settles the others as dropped: the ledger balances, and nothing stays in flight', () => {
    const context = testContext();
    const deliveries = ['1', '2', '3', '4'].map((id) => testDelivery(context, { id }));
    const seen: string[] = [];
    of(...deliveries)
      .pipe(filterMessages(({ id }) => Number(id) % 2 === 0))
      .subscribe((passed) => {
        seen.push(passed.message.id);
        passed.ack();
      });
    assert.equal(seen, ['2', '4']);
    assert.equal(deliveries[0]?.ackHandle.told, ['acknowledged']);
    const { received, acked, dropped, inFlight, balanced } = context.ledger;
    assert.equal([received, acked, dropped, inFlight, balanced], [4, 2, 2, 0, true]);
    assert.is(context.credit.messages, 0);
  });

  test('passes the delivery to the predicate too', () => {
    const delivery = testDelivery(testContext(), {}, 'key-1');
    const keys: string[] = [];
    of(delivery)
      .pipe(filterMessages((_, { ackHandle }) => keys.push(ackHandle.original.orderingKey) > 0))
      .subscribe();
    assert.equal(keys, ['key-1']);
  });

  test('an error of the predicate fails one delivery; only a FatalError ends the stream', () => {
    const context = testContext();
    const input = new Subject<Delivery>();
    const seen: string[] = [];
    const thrown: Record<string, unknown> = {
      poison: new PoisonError('too_small', 'p'),
      bug: new TypeError('b'),
      outage: new RetryableError('o'),
      fatal: new FatalError('f'),
    };
    const predicate = ({ id }: { readonly id: string }): boolean => {
      if (id in thrown) throw thrown[id];
      return id !== 'other';
    };
    input.pipe(filterMessages(predicate)).subscribe({
      next: ({ message }) => seen.push(message.id),
      error: (error) => seen.push(error.message),
    });
    const outage = testDelivery(context, { id: 'outage' });
    for (const id of ['1', 'poison', 'bug', 'other']) input.next(testDelivery(context, { id }));
    input.next(outage);
    for (const id of ['2', 'fatal', '3']) input.next(testDelivery(context, { id }));
    assert.equal(seen, ['1', '2', 'f']);
    assert.equal(
      context.deadLettered.map(({ poison }) => [poison.reason, poison.message]),
      [
        ['too_small', 'p'],
        ['hook_failed', 'b'],
      ],
    );
    assert.equal(outage.ackHandle.told, ['given back']);
    assert.is(context.ledger.dropped, 1);
  });

  test('passes never, empty, error and unsubscribing on', () => {
    const seen: string[] = [];
    const observer = { error: (error: Error) => seen.push(error.message), complete: () => seen.push('complete') };
    const all = filterMessages(() => true);
    NEVER.pipe(all).subscribe(observer);
    of<Delivery>().pipe(all).subscribe(observer);
    throwError(() => new Error('source'))
      .pipe(all)
      .subscribe(observer);
    assert.equal(seen, ['complete', 'source']);
    const input = new Subject<Delivery>();
    input.pipe(all).subscribe().unsubscribe();
    assert.not(input.observed);
  });
});
