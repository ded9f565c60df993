import fc from 'fast-check';
import { concat, defer, EMPTY, type Observable, of, throwError, timer, VirtualTimeScheduler } from 'rxjs';
import { catchError, last, mergeMap, tap } from 'rxjs/operators';
import * as assert from 'uvu/assert';
import type { DeliveryContext } from '../core/delivery.ts';
import { PoisonError, RetryableError } from '../core/errors.ts';
import { simulatedSource } from '../testing/simulated-source.ts';
import { suite } from '../testing/suite.ts';
import { testContext } from '../testing/test-context.ts';
import { batchInto, type ItemResult, type Slot } from './batch-into.ts';
import { type Batch, type BatchItem, PartitionKey } from './batcher.ts';
import { settle } from './settle.ts';

/** So long that no delivery may ever wait for it. */
const NEVER_MS = 1_000_000_000;
const LONGEST_EFFECT_MS = 40;
const LONGEST_GAP_MS = 20;
const LONGEST_PAUSE_MS = 25;
const MOST_PAUSES = 2;

const ENDS = [
  'accepts',
  'accepts twice',
  'forgets half',
  'refuses half',
  'fails',
  'poisons',
  'refuses each',
  'throws',
  'empty',
] as const;

const effectPlan = fc.record({
  end: fc.oneof({ weight: 3, arbitrary: fc.constant('accepts' as const) }, fc.constantFrom(...ENDS)),
  /** 0: synchronously within the call. */
  afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: LONGEST_EFFECT_MS })),
  /** Pauses before the last attempt, which takes `afterMs`: duration and target of each. */
  pauses: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    fc.array(fc.record({ forMs: fc.nat(LONGEST_PAUSE_MS), target: fc.constantFrom('own', 'all') }), {
      minLength: 1,
      maxLength: MOST_PAUSES,
    }),
  ),
});
interface EffectPlan {
  readonly end: (typeof ENDS)[number];
  readonly afterMs: number;
  readonly pauses: readonly { readonly forMs: number; readonly target: string }[];
}

const scenario = fc.record({
  messages: fc.array(
    fc.record({
      gapMs: fc.nat(LONGEST_GAP_MS),
      key: fc.constantFrom<string>('a', 'b', 'c', 'd', 'e'),
      bytes: fc.nat(60),
    }),
    { minLength: 1, maxLength: 40 },
  ),
  limits: fc.record({
    maxCount: fc.constantFrom(1, 2, 5, 1_000),
    maxBytes: fc.constantFrom(10, 100, 1_000_000),
    maxAgeMs: fc.constantFrom(0, 5, 30, NEVER_MS),
    maxOpen: fc.integer({ min: 1, max: 5 }),
  }),
  credit: fc.record({ maxMessages: fc.integer({ min: 1, max: 8 }), maxBytes: fc.constantFrom(20, 100, 1_000_000) }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  serial: fc.boolean(),
  /** True if messages can wait at their source. */
  mayPostpone: fc.boolean(),
  plans: fc.array(effectPlan, { minLength: 1, maxLength: 10 }),
});

function resultsOf(plan: EffectPlan, { items }: Batch): Observable<readonly ItemResult[]> {
  const all = items.map(() => undefined);
  switch (plan.end) {
    case 'accepts':
      return of(all);
    case 'accepts twice':
      return of(all, all);
    case 'forgets half':
      return of(all.slice(all.length >> 1));
    case 'refuses half':
      return of(all.map((_, index) => (index % 2 === 0 ? undefined : new RetryableError('later'))));
    case 'refuses each':
      return of(all.map(() => new RetryableError('later')));
    case 'fails':
      return throwError(() => new RetryableError('outage'));
    case 'poisons':
      return throwError(() => new PoisonError('rejected', 'no'));
    case 'throws':
      throw new Error('bug');
    case 'empty':
      return EMPTY;
  }
}

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** Plays a scenario to its end in virtual time, or unsubscribes at `abortAtMs`. */
function play({ messages, limits, credit, concurrency, serial, mayPostpone, plans }: Scenario, abortAtMs?: number) {
  const scheduler = new VirtualTimeScheduler();
  const books = testContext(credit);
  const context: DeliveryContext = {
    ...books,
    deadLetter: (_, __, { onPublished }) => scheduler.schedule(onPublished, 3),
  };
  let atMs = 0;
  const arrivals = messages.map(({ gapMs, key, bytes }, index) => {
    atMs += gapMs;
    return { atMs, fields: { id: `${index}`, payload: Buffer.alloc(bytes), attributes: { key }, mayPostpone } };
  });
  const source = simulatedSource(context, arrivals, scheduler);
  const outcomesById = new Map<string, number>();
  const flushed = new Map<string, number[]>();
  const busyKeys = new Set<string>();
  /** Collected here, because an assertion inside an effect would count as a failure of that effect. */
  const violations: string[] = [];
  let batches = 0;
  let inProgress = 0;
  let completedAtMs: number | undefined;

  /** Targets that a batch has paused for, until a batch of that target is done. */
  const blocked = new Set<string>();
  const targetsOf = (key: string) => [key, 'all'];

  const effect = (batch: Batch, slot: Slot): Observable<readonly ItemResult[]> => {
    if (inProgress >= concurrency) violations.push('more batches are out than there are slots');
    if (serial && busyKeys.has(batch.key.target)) violations.push('two batches of a serial key are out');
    if (targetsOf(batch.key.target).some((target) => blocked.has(target))) violations.push('a blocked target has left');
    const plan: EffectPlan = plans[batches % plans.length] ?? { end: 'accepts', afterMs: 0, pauses: [] };
    batches += 1;
    const names = batch.items.map(({ delivery }) => Number(delivery.message.id));
    flushed.set(batch.key.target, [...(flushed.get(batch.key.target) ?? []), ...names]);
    const resultsThenUnblock = (): Observable<readonly ItemResult[]> => {
      const unblock = defer(() => {
        for (const target of targetsOf(batch.key.target)) blocked.delete(target);
        return EMPTY;
      });
      try {
        return concat(
          resultsOf(plan, batch).pipe(
            catchError((error) =>
              concat(
                unblock,
                throwError(() => error),
              ),
            ),
          ),
          unblock,
        );
      } catch (thrown) {
        unblock.subscribe();
        throw thrown;
      }
    };
    if (plan.afterMs === 0) return resultsThenUnblock();
    inProgress += 1;
    busyKeys.add(batch.key.target);
    const done = () => {
      inProgress -= 1;
      busyKeys.delete(batch.key.target);
    };
    const pauseFor = ({ forMs, target }: EffectPlan['pauses'][number]) =>
      defer(() => {
        const name = target === 'own' ? batch.key.target : target;
        blocked.add(name);
        inProgress -= 1;
        slot.pause(name);
        // The batch went back to wait at its source.
        if (batch.items.every(({ delivery }) => !delivery.ackHandle.isOpen)) busyKeys.delete(batch.key.target);
        return timer(forMs, scheduler).pipe(
          mergeMap(() => slot.resume()),
          tap(() => {
            inProgress += 1;
            if (inProgress > concurrency) violations.push('a batch resumed without a slot');
          }),
        );
      });
    return concat(...plan.pauses.map(pauseFor), timer(plan.afterMs, scheduler)).pipe(
      last(),
      tap(done),
      mergeMap(resultsThenUnblock),
    );
  };

  const subscription = source.deliveries
    .pipe(
      batchInto<BatchItem>(
        {
          limits,
          concurrency,
          credit: context.credit,
          prepare: (delivery) => ({
            delivery,
            key: new PartitionKey(delivery.message.attributes.key ?? '', '', serial),
            bytes: delivery.message.payload.byteLength,
          }),
          sharedTarget: 'all',
          scheduler,
        },
        effect,
      ),
      settle(),
    )
    .subscribe({
      next: ({ delivery: { message } }) => outcomesById.set(message.id, (outcomesById.get(message.id) ?? 0) + 1),
      complete: () => {
        completedAtMs = scheduler.now();
      },
    });
  if (abortAtMs !== undefined) {
    scheduler.schedule(() => {
      subscription.unsubscribe();
      source.abort();
    }, abortAtMs);
  }
  scheduler.flush();
  assert.equal(violations.join(), '');
  return { context, source, outcomesById, flushed, completedAtMs, lastArrivalMs: atMs };
}

const inOrder = (numbers: readonly number[]) => numbers.every((value, index) => value > (numbers[index - 1] ?? -1));

suite('batchInto, whatever happens', ({ test }) => {
  test('each delivery has exactly one outcome, ledger and credit balance, and nothing waits forever', () => {
    fc.assert(
      fc.property(scenario, (played) => {
        const { context, source, outcomesById, flushed, completedAtMs, lastArrivalMs } = play(played);
        const count = played.messages.length;
        assert.is(source.emitted.length, count, 'the source is stuck on credit');
        assert.ok(completedAtMs !== undefined, 'the stream did not complete');
        assert.ok(
          completedAtMs <=
            lastArrivalMs + count * (LONGEST_EFFECT_MS + MOST_PAUSES * (LONGEST_PAUSE_MS + LONGEST_EFFECT_MS) + 30 + 3),
          `stalled: ${completedAtMs}`,
        );
        assert.is(outcomesById.size, count);
        assert.ok([...outcomesById.values()].every((outcomes) => outcomes === 1));
        assert.ok(source.emitted.every(({ ackHandle }) => ackHandle.told.length === 1));
        assert.ok(context.ledger.balanced);
        assert.equal([context.ledger.inFlight, context.ledger.settledTwice], [0, 0]);
        assert.equal([context.credit.messages, context.credit.bytes], [0, 0]);
        assert.ok(context.credit.peakMessages <= played.credit.maxMessages);
        if (played.serial) for (const ids of flushed.values()) assert.ok(inOrder(ids), 'a serial key lost its order');
      }),
      { numRuns: 1_500 },
    );
  });

  test('an abort at any time: at most one outcome each, and unsettled deliveries go back once', () => {
    fc.assert(
      fc.property(scenario, fc.nat(400), (played, abortAtMs) => {
        const { context, source, outcomesById } = play(played, abortAtMs);
        assert.ok([...outcomesById.values()].every((outcomes) => outcomes === 1));
        assert.ok(source.emitted.every(({ ackHandle }) => ackHandle.told.length === 1));
        assert.ok(context.ledger.balanced);
        assert.equal([context.ledger.inFlight, context.ledger.settledTwice, context.credit.messages], [0, 0, 0]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('credit far below batch size times keys stalls nothing', () => {
    const messages = Array.from({ length: 60 }, (_, index) => ({ gapMs: 0, key: `k${index % 20}`, bytes: 1 }));
    for (const maxMessages of [1, 2, 3, 19]) {
      const { completedAtMs } = play({
        messages,
        limits: { maxCount: 1_000, maxBytes: 1_000_000, maxAgeMs: NEVER_MS, maxOpen: 1_000 },
        credit: { maxMessages, maxBytes: 1_000_000 },
        concurrency: 1,
        serial: true,
        mayPostpone: false,
        plans: [{ end: 'accepts', afterMs: 10, pauses: [] }],
      });
      assert.ok(completedAtMs !== undefined && completedAtMs <= 600, `${maxMessages}: ${completedAtMs}`);
    }
  });
});
