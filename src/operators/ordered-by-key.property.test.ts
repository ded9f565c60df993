import fc from 'fast-check';
import { of, throwError, timer, VirtualTimeScheduler } from 'rxjs';
import { mergeMap, tap } from 'rxjs/operators';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { PoisonError } from '../core/errors.ts';
import { simulatedSource } from '../testing/simulated-source.ts';
import { suite } from '../testing/suite.ts';
import { testContext } from '../testing/test-context.ts';
import { orderedByKey } from './ordered-by-key.ts';

suite('orderedByKey, whatever happens', ({ test }) => {
  const planned = fc.record({
    gapMs: fc.nat(5),
    key: fc.constantFrom('a', 'b', 'c', undefined),
    takesMs: fc.nat(20),
    end: fc.oneof({ weight: 4, arbitrary: fc.constant('ok') }, fc.constantFrom('poison', 'outage')),
  });

  test('order per key, limits, one outcome each; aborted or not', () => {
    fc.assert(
      fc.property(
        fc.array(planned, { maxLength: 40 }),
        fc.record({ limit: fc.integer({ min: 1, max: 4 }), credit: fc.integer({ min: 1, max: 10 }) }),
        fc.option(fc.nat(200)),
        (plans, { limit, credit }, abortAtMs) => {
          const scheduler = new VirtualTimeScheduler();
          const books = testContext({ maxMessages: credit });
          const context = {
            ...books,
            deadLetter: (_: unknown, __: unknown, done: { onPublished: () => void }) =>
              scheduler.schedule(done.onPublished, 2),
          };
          let atMs = 0;
          const arrivals = plans.map(({ gapMs, key }, index) => {
            atMs += gapMs;
            return { atMs, fields: { id: `${index}`, attributes: key === undefined ? {} : { key } } };
          });
          const source = simulatedSource(context, arrivals, scheduler);
          const busy: (string | undefined)[] = [];
          const emitted = new Map<string, number[]>();
          /** Collected here, because an assertion inside an effect would count as a failure of that effect. */
          const violations: string[] = [];
          let completed = false;
          const effect = (delivery: Delivery) => {
            const plan = plans[Number(delivery.message.id)];
            if (busy.length >= limit) violations.push('over the limit');
            if (plan?.key !== undefined && busy.includes(plan.key)) violations.push('two effects of one key');
            busy.push(plan?.key);
            return timer(plan?.takesMs ?? 0, scheduler).pipe(
              tap(() => busy.splice(busy.indexOf(plan?.key), 1)),
              mergeMap(() => {
                if (plan?.end === 'ok') return of(delivery);
                return throwError(() =>
                  plan?.end === 'poison' ? new PoisonError('rejected', '') : new Error('outage'),
                );
              }),
            );
          };
          const subscription = source.deliveries
            .pipe(orderedByKey({ keyOf: ({ message }) => message.attributes.key, limit }, effect))
            .subscribe({
              next: (delivery) => {
                const key = delivery.message.attributes.key;
                if (key !== undefined) emitted.set(key, [...(emitted.get(key) ?? []), Number(delivery.message.id)]);
                delivery.ack();
              },
              complete: () => {
                completed = true;
              },
            });
          if (abortAtMs !== null) {
            scheduler.schedule(() => {
              subscription.unsubscribe();
              source.abort();
            }, abortAtMs);
          }
          scheduler.flush();
          assert.equal(violations, []);
          for (const ids of emitted.values())
            assert.equal(
              ids,
              ids.toSorted((one, other) => one - other),
            );
          assert.ok(source.emitted.every(({ ackHandle }) => ackHandle.told.length === 1));
          assert.ok(context.ledger.balanced);
          assert.equal([context.ledger.inFlight, context.ledger.settledTwice, context.credit.messages], [0, 0, 0]);
          if (abortAtMs !== null) return;
          assert.is(source.emitted.length, plans.length, 'stuck on credit');
          assert.ok(completed);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
