import fc from 'fast-check';
import { defer, NEVER, of, throwError, VirtualTimeScheduler } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { PoisonError, RetryableError } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import { type RetryPolicy, retrySchema, retryWithBackoff } from './retry.ts';

const POLICY: RetryPolicy = { initialDelayMs: 100, maxDelayMs: 1_000, giveUpAfterMs: Number.POSITIVE_INFINITY };

/** Runs an effect that fails `failures` times; returns the times of the attempts and the result. */
function attempts(
  failures: number,
  policy: Partial<RetryPolicy> = {},
  random: () => number = () => 0.999_999,
  retryAfterMs?: number,
) {
  const scheduler = new VirtualTimeScheduler();
  const tries: number[] = [];
  const told: [attempt: number, failingForMs: number][] = [];
  let ended = 'not at all';
  defer(() => {
    tries.push(scheduler.now());
    return tries.length > failures
      ? of('value')
      : throwError(() => new RetryableError(`no ${tries.length}`, { retryAfterMs }));
  })
    .pipe(
      retryWithBackoff(
        { ...POLICY, ...policy },
        { scheduler, random, onRetry: (_, attempt, failingForMs) => told.push([attempt, failingForMs]) },
      ),
    )
    .subscribe({
      next: (value) => {
        ended = value;
      },
      error: (error) => {
        ended = `error ${error.message}`;
      },
    });
  scheduler.flush();
  const waits = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
  return { tries, waits, told, ended };
}

suite('retryWithBackoff', ({ test }) => {
  test('waits at most twice as long each time, up to the longest wait', () => {
    const { waits, ended } = attempts(6);
    assert.equal(waits.map(Math.round), [100, 200, 400, 800, 1_000, 1_000]);
    assert.is(ended, 'value');
  });

  test('waits slightly longer than the server asks, unless the backoff is longer', () => {
    assert.equal(attempts(6, {}, () => 0.5, 300).waits, [350, 350, 350, 400, 500, 500]);
    assert.equal(attempts(2, {}, () => 0, 5_000).waits, [5_000, 5_000], 'longer than maxDelayMs');
    assert.is(attempts(2, { giveUpAfterMs: 1_000 }, () => 0, 5_000).ended, 'error no 1');
    const outer = new RetryableError('outer', { cause: new RetryableError('inner', { retryAfterMs: 7 }) });
    assert.is(outer.retryAfterMs, 7);
  });

  test('jitter is full: from next to nothing to the whole wait, and never less than 1 ms', () => {
    assert.equal(attempts(3, {}, () => 0).waits, [1, 1, 1]);
    assert.equal(attempts(3, {}, () => 0.5).waits, [50, 100, 200]);
    const policy = fc.record({
      initialDelayMs: fc.integer({ min: 1, max: 500 }),
      maxDelayMs: fc.integer({ min: 1, max: 5_000 }),
    });
    fc.assert(
      fc.property(
        policy,
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 40 }),
        (times, draws) => {
          let drawn = 0;
          const { waits } = attempts(draws.length, times, () => draws[drawn++] ?? 0);
          assert.is(waits.length, draws.length);
          for (const [index, wait] of waits.entries()) {
            const ceiling = Math.min(times.maxDelayMs, times.initialDelayMs * 2 ** index);
            assert.ok(wait > 0.99 && wait <= Math.max(1, ceiling) + 0.01, `${wait} of ${ceiling}`);
          }
        },
      ),
    );
  });

  test('gives up before a wait that would exceed the time, with the last error', () => {
    const { tries, ended } = attempts(9, { giveUpAfterMs: 700 });
    assert.equal(tries.map(Math.round), [0, 100, 300, 700]);
    assert.is(ended, 'error no 4');
    assert.equal(attempts(9, { giveUpAfterMs: 50 }).tries, [0]);
  });

  test('reports each retry: its number, and for how long the effect has been failing', () => {
    assert.equal(
      attempts(3).told.map(([attempt, failing]) => [attempt, Math.round(failing)]),
      [
        [1, 0],
        [2, 100],
        [3, 300],
      ],
    );
  });

  test('passes other errors immediately', () => {
    for (const error of [new PoisonError('rejected', 'x'), new Error('bug'), new TypeError('bug')]) {
      const seen: unknown[] = [];
      let tries = 0;
      defer(() => {
        tries += 1;
        return throwError(() => error);
      })
        .pipe(retryWithBackoff(POLICY, { scheduler: new VirtualTimeScheduler() }))
        .subscribe({ error: (thrown) => seen.push(thrown) });
      assert.equal(seen, [error]);
      assert.is(tries, 1);
    }
  });

  test('each subscription counts on its own', () => {
    const scheduler = new VirtualTimeScheduler();
    const seen: number[] = [];
    const effect = throwError(() => new RetryableError('no')).pipe(
      retryWithBackoff(
        { ...POLICY, giveUpAfterMs: 150 },
        { scheduler, random: () => 0.999, onRetry: (_, n) => seen.push(n) },
      ),
    );
    for (let each = 0; each < 2; each += 1) effect.subscribe({ error: () => {} });
    scheduler.flush();
    assert.equal(seen, [1, 1]);
  });

  test('passes values, completion and never on, and can be unsubscribed while it waits', () => {
    const scheduler = new TestScheduler(assert.equal);
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const retrying = retryWithBackoff<string>(POLICY, { scheduler, random: () => 0.5 });
      expectObservable(cold('ab|').pipe(retrying)).toBe('ab|');
      expectObservable(cold('|').pipe(retrying)).toBe('|');
      expectObservable(NEVER.pipe(retrying)).toBe('-');
      const failing = cold('a#', undefined, new RetryableError('no'));
      expectObservable(failing.pipe(retrying), '^ 20ms !').toBe('a');
      expectSubscriptions(failing.subscriptions).toBe(['^!']);
    });
  });

  test('the schema has defaults, and refuses nonsense', () => {
    assert.equal(v.parse(retrySchema, {}), { initialDelayMs: 100, maxDelayMs: 10_000 });
    assert.not(v.is(retrySchema, { initialDelayMs: 0 }));
    assert.not(v.is(retrySchema, { maxDelayMs: 1.5 }));
  });
});
