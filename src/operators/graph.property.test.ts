import fc from 'fast-check';
import { of, throwError, timer, VirtualTimeScheduler } from 'rxjs';
import { mergeMap } from 'rxjs/operators';
import * as assert from 'uvu/assert';
import type { Delivery, DeliveryContext } from '../core/delivery.ts';
import { PoisonError, RetryableError } from '../core/errors.ts';
import { RedeliveringSource } from '../testing/redelivering-source.ts';
import { suite } from '../testing/suite.ts';
import { testContext } from '../testing/test-context.ts';
import { batchInto, type ItemResult } from './batch-into.ts';
import { type BatchItem, PartitionKey } from './batcher.ts';
import { mapMessage } from './map-message.ts';
import { orderedByKey } from './ordered-by-key.ts';
import { settle } from './settle.ts';

/** The faults of one stage for one message, used up in turn; then everything succeeds. */
const stageEnd = fc.oneof(
  { weight: 6, arbitrary: fc.constant('ok' as const) },
  fc.constantFrom('outage' as const, 'poison' as const, 'throws' as const),
);
type StageEnd = 'ok' | 'outage' | 'poison' | 'throws';

const scenario = fc.record({
  keys: fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 30 }),
  credit: fc.integer({ min: 1, max: 12 }),
  lookups: fc.record({ limit: fc.integer({ min: 1, max: 4 }), ends: fc.array(stageEnd, { maxLength: 20 }) }),
  sink: fc.record({
    concurrency: fc.integer({ min: 1, max: 3 }),
    maxCount: fc.constantFrom(1, 3, 100),
    maxAgeMs: fc.constantFrom(0, 10, 1_000_000),
    ends: fc.array(stageEnd, { maxLength: 20 }),
  }),
  hooks: fc.array(stageEnd, { maxLength: 10 }),
  delays: fc.array(fc.nat(25), { minLength: 1, maxLength: 12 }),
  expiresAtMs: fc.array(fc.nat(300), { maxLength: 4 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** A fault other than an outage is the message's own. */
const isPoison = (end: StageEnd) => end === 'poison' || end === 'throws';

const THROWN: Record<Exclude<StageEnd, 'ok'>, () => Error> = {
  outage: () => new RetryableError('outage'),
  poison: () => new PoisonError('rejected', 'no'),
  throws: () => new Error('bug'),
};

/** Runs a graph with every operator, in enrich's order, on a subscription that redelivers. */
function play({ keys, credit, lookups, sink, hooks, delays, expiresAtMs }: Scenario, abortAtMs?: number) {
  const scheduler = new VirtualTimeScheduler();
  const books = testContext({ maxMessages: credit });
  const safe = new Set<string>();
  const violations: string[] = [];
  const context: DeliveryContext = {
    ...books,
    deadLetter: ({ original }, _, { onPublished }) => {
      const id = names.get(original) ?? '';
      return scheduler.schedule(() => {
        safe.add(id);
        onPublished();
      }, 2);
    },
  };
  /** Ids by the original of a dead letter. */
  const names = new Map<unknown, string>();
  const stored = keys.map((key, index) => ({ id: String(index).padStart(3, '0'), key }));
  const source = new RedeliveringSource(context, stored, scheduler);
  const published: string[] = [];
  /** Dead letters have no order. (In this test a poisoned message may succeed later; a real one is refused again.) */
  const poisoned = new Set<string>();
  let drawn = 0;
  const delayMs = (): number => delays[drawn++ % delays.length] ?? 0;
  const inTurn = (ends: readonly StageEnd[]): (() => StageEnd) => {
    let next = 0;
    return () => ends[next++] ?? 'ok';
  };
  const [hookEnd, lookupEnd, sinkEnd] = [inTurn(hooks), inTurn(lookups.ends), inTurn(sink.ends)];
  const check = (): void => {
    if (!context.ledger.balanced) violations.push('the ledger does not balance');
    if (context.credit.messages > credit) violations.push('more credit taken than there is');
  };

  const hook = ({ message, ackHandle }: Delivery) => {
    names.set(ackHandle.original, message.id);
    const end = hookEnd();
    if (isPoison(end)) poisoned.add(message.id);
    if (end !== 'ok') throw THROWN[end]();
    return message;
  };
  const lookup = (delivery: Delivery) => {
    const end = lookupEnd();
    if (end === 'poison') poisoned.add(delivery.message.id);
    if (end === 'throws') throw THROWN[end]();
    return timer(delayMs(), scheduler).pipe(
      mergeMap(() => (end === 'ok' ? of(delivery) : throwError(() => THROWN[end]()))),
    );
  };
  const write = (items: readonly BatchItem[]) => {
    const end = sinkEnd();
    if (end === 'throws') throw THROWN[end]();
    return timer(delayMs(), scheduler).pipe(
      mergeMap(() => {
        // Fails the whole request, or only its first message.
        const results = items.map(({ delivery }, index): ItemResult => {
          if (end === 'poison' && index === 0) poisoned.add(delivery.message.id);
          if (end === 'outage' || (end === 'poison' && index === 0)) return THROWN[end]();
          published.push(delivery.message.id);
          safe.add(delivery.message.id);
          return undefined;
        });
        return of(results);
      }),
    );
  };

  let completed = false;
  const subscription = source.deliveries
    .pipe(
      mapMessage((_, delivery) => hook(delivery)),
      orderedByKey({ keyOf: ({ message }) => message.attributes.key || undefined, limit: lookups.limit }, lookup),
      batchInto<BatchItem>(
        {
          limits: { maxCount: sink.maxCount, maxBytes: 1_000_000, maxAgeMs: sink.maxAgeMs, maxOpen: 100 },
          concurrency: sink.concurrency,
          credit: context.credit,
          prepare: (delivery) => {
            const { key = '' } = delivery.message.attributes;
            return { delivery, key: new PartitionKey('sink', key, key !== ''), bytes: 2 };
          },
          scheduler,
        },
        ({ items }) => write(items),
      ),
      settle(),
    )
    .subscribe({
      next: check,
      complete: () => {
        completed = true;
      },
    });
  for (const atMs of expiresAtMs) scheduler.schedule(() => source.expireOldest(), atMs);
  if (abortAtMs !== undefined) {
    scheduler.schedule(() => {
      subscription.unsubscribe();
      source.abort();
    }, abortAtMs);
  }
  scheduler.flush();
  assert.equal(violations, []);
  return { context, source, published, poisoned, safe, completed, stored };
}

suite('a whole graph, whatever happens', ({ test }) => {
  test('nothing is lost, nothing is acknowledged before it is safe, and keys keep their order', () => {
    fc.assert(
      fc.property(scenario, (played) => {
        const { context, source, published, poisoned, safe, completed, stored } = play(played);
        assert.ok(completed, 'the graph is stuck');
        assert.is(safe.size, stored.length, 'lost');
        for (const id of source.acked) assert.ok(safe.has(id), 'acknowledged before it was safe');
        assert.equal([context.ledger.inFlight, context.ledger.settledTwice], [0, 0]);
        assert.ok(context.ledger.balanced);
        assert.is(context.credit.messages, 0, 'credit is lost');
        assert.ok(context.credit.peakMessages <= played.credit);
        for (const key of ['a', 'b', 'c']) {
          const mine = stored.filter((each) => each.key === key).map(({ id }) => id);
          const first = [...new Set(published)].filter((id) => mine.includes(id) && !poisoned.has(id));
          assert.equal(first, first.toSorted(), `first occurrences of ${key}`);
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test('an abort at any time keeps the ledger balanced and returns everything', () => {
    fc.assert(
      fc.property(scenario, fc.nat(300), (played, abortAtMs) => {
        const { context, source, safe } = play(played, abortAtMs);
        for (const id of source.acked) assert.ok(safe.has(id));
        assert.equal([context.ledger.inFlight, context.ledger.settledTwice], [0, 0]);
        assert.ok(context.ledger.balanced);
      }),
      { numRuns: 1_000 },
    );
  });
});
