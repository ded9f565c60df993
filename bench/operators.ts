import {
  bufferCount,
  concatMap,
  EMPTY,
  from,
  map,
  mergeMap,
  Observable,
  type OperatorFunction,
  of,
  retry,
  tap,
} from 'rxjs';
import { accepted, type Delivery, type Outcome } from '../src/core/delivery.ts';
import { Probe } from '../src/core/probe.ts';
import { encodeEnvelope } from '../src/formats/envelope/envelope.ts';
import { memoryCache } from '../src/lookup/memory-cache.ts';
import { batchInto } from '../src/operators/batch-into.ts';
import { PartitionKey } from '../src/operators/batcher.ts';
import { decodeInput } from '../src/operators/decode-input.ts';
import { mapMessage } from '../src/operators/map-message.ts';
import { orderedByKey } from '../src/operators/ordered-by-key.ts';
import { retryWithBackoff } from '../src/operators/retry.ts';
import { settle } from '../src/operators/settle.ts';
import { Telemetry } from '../src/telemetry/telemetry.ts';
import { testContext, testDelivery, testMessage } from '../src/testing/test-context.ts';
import type { GrowthCase, OperatorCase } from './lib/report.ts';
import { spread } from './lib/statistics.ts';

/**
 * Compares each operator with the plain RxJS operator that it replaces. Each runs in its own process, with a heap large
 * enough to avoid collections while allocations are counted. Prints one line of JSON.
 */

const isQuick = process.argv[2] === 'quick';
const ROUNDS = isQuick ? 3 : 5;
const ITEMS = isQuick ? 50_000 : 1_000_000;
const COUNTED = 20_000;
const POOL = 1_000;
const BATCH_KEY = new PartitionKey('bench');

const context = testContext();
const payload = encodeEnvelope(testMessage({ payload: JSON.stringify({ pad: 'x'.repeat(190) }) }));
const pool = Array.from({ length: POOL }, (_, index) => testDelivery(context, { id: `m${index}`, payload }));

function cycled(count: number): Observable<Delivery> {
  return new Observable((subscriber) => {
    for (let index = 0; index < count; index += 1) {
      const delivery = pool[index % POOL];
      if (delivery !== undefined) subscriber.next(delivery);
    }
    subscriber.complete();
  });
}

interface Pair {
  readonly operator: string;
  readonly beside: string;
  readonly own: OperatorFunction<Delivery, unknown>;
  readonly plain: OperatorFunction<Delivery, unknown>;
}

const same = (delivery: Delivery) => delivery;
const passed = { count: 0 };
const probe = new Probe<unknown>('bench');
const keyOf = (delivery: Delivery) => delivery.message.id;
const pairs: readonly Pair[] = [
  {
    operator: 'mapMessage',
    beside: 'map',
    own: mapMessage((message) => ({ ...message })),
    plain: map((delivery) => delivery.with({ ...delivery.message })),
  },
  {
    operator: 'decodeInput',
    beside: 'map(JSON.parse)',
    own: decodeInput('envelope'),
    plain: map(({ message }) => JSON.parse(message.payload.toString())),
  },
  {
    operator: 'tap(probe.hit)',
    beside: 'tap(count)',
    own: tap(probe.hit),
    plain: tap(() => {
      passed.count += 1;
    }),
  },
  {
    operator: 'orderedByKey, at once',
    beside: 'map',
    own: orderedByKey(
      { keyOf, limit: 100 },
      Object.assign(() => EMPTY, { trySync: same }),
    ),
    plain: map(same),
  },
  {
    operator: 'orderedByKey, effects',
    beside: 'concatMap',
    own: orderedByKey({ keyOf, limit: 100 }, (delivery) => of(delivery)),
    plain: concatMap((delivery) => of(delivery)),
  },
  {
    operator: 'batchInto, 1,000 a batch',
    beside: 'bufferCount + mergeMap',
    own: batchInto(
      {
        limits: { maxCount: POOL, maxBytes: 1e9, maxAgeMs: 1e6, maxOpen: 10 },
        concurrency: 4,
        credit: context.credit,
        prepare: (delivery) => ({ delivery, key: BATCH_KEY, bytes: 1 }),
      },
      ({ items }) => of(items.map(() => undefined)),
    ),
    plain: (source) =>
      source.pipe(
        bufferCount(POOL),
        mergeMap((batch) => from(batch.map(accepted)), 4),
      ),
  },
  {
    operator: 'retryWithBackoff',
    beside: 'retry',
    own: mergeMap((delivery) =>
      of(delivery).pipe(retryWithBackoff({ initialDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 1 })),
    ),
    plain: mergeMap((delivery) => of(delivery).pipe(retry(1))),
  },
];

function nanos(source: () => Observable<unknown>, count: number): number {
  const started = process.hrtime.bigint();
  source().subscribe();
  return Number(process.hrtime.bigint() - started) / count;
}

function bytes(source: () => Observable<unknown>, count: number): number {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  source().subscribe();
  return (process.memoryUsage().heapUsed - before) / count;
}

const operators: OperatorCase[] = [];
for (const { operator, beside, own, plain } of pairs) {
  const ownRounds: number[] = [];
  const plainRounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const ownNanos = nanos(() => cycled(ITEMS).pipe(own), ITEMS);
    const plainNanos = nanos(() => cycled(ITEMS).pipe(plain), ITEMS);
    // The first round warms up the compiler.
    if (round === 0) continue;
    ownRounds.push(ownNanos);
    plainRounds.push(plainNanos);
  }
  operators.push({
    operator,
    beside,
    nanosPerItem: spread(ownRounds),
    besideNanosPerItem: spread(plainRounds),
    bytesPerItem: bytes(() => cycled(COUNTED).pipe(own), COUNTED),
    besideBytesPerItem: bytes(() => cycled(COUNTED).pipe(plain), COUNTED),
  });
}

// A delivery can be settled once: each round needs its own.
const settled = (count: number, operator: OperatorFunction<Outcome, unknown>) => {
  const outcomes = Array.from({ length: count }, () => accepted(testDelivery(context)));
  return () => from(outcomes).pipe(operator);
};
const own = Array.from({ length: ROUNDS + 1 }, () => nanos(settled(ITEMS / 5, settle()), ITEMS / 5)).slice(1);
const plain = Array.from({ length: ROUNDS + 1 }, () =>
  nanos(
    settled(
      ITEMS / 5,
      tap(() => {}),
    ),
    ITEMS / 5,
  ),
).slice(1);
operators.push({
  operator: 'settle, with its books',
  beside: 'tap',
  nanosPerItem: spread(own),
  besideNanosPerItem: spread(plain),
  bytesPerItem: bytes(settled(COUNTED, settle()), COUNTED),
  besideBytesPerItem: bytes(
    settled(
      COUNTED,
      tap(() => {}),
    ),
    COUNTED,
  ),
});

const growth: GrowthCase[] = [];
for (const at of isQuick ? [] : [1e3, 1e4, 1e5, 1e6]) {
  const keys = Array.from({ length: at }, (_, index) => `device-${index}`);
  const cache = memoryCache(
    { fetch: (key) => of({ key }), invalidate: () => EMPTY, close: async () => {} },
    {
      ...{ maxEntries: at, maxBytes: 2 ** 30, ttlMs: 3_600_000, missingTtlMs: 1_000, onAnswer: () => {} },
      telemetry: new Telemetry('bench', { level: 'silent', processMetrics: false }),
    },
  );
  for (const key of keys) cache.fetch(key).subscribe();
  const lookups = 1e6;
  const rounds = Array.from({ length: ROUNDS }, () => {
    const started = process.hrtime.bigint();
    // A stride without a common divisor with the size defeats locality.
    for (let index = 0; index < lookups; index += 1) cache.peek?.(keys[(index * 7_919) % at] ?? '');
    return Number(process.hrtime.bigint() - started) / lookups;
  });
  growth.push({ what: 'cache entries', at, unit: 'ns a hit', value: spread(rounds).median });
}
console.log(JSON.stringify({ operators, growth }));
process.exit(0);
