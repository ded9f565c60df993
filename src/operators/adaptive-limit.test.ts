import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';

/** A server that runs `workers` effects concurrently, each for `serviceMs`, and queues the others. */
function play(
  limit: AdaptiveLimit,
  { workers, serviceMs, forMs }: { workers: number; serviceMs: number; forMs: number },
) {
  const free = new Array<number>(workers).fill(0);
  const out: { readonly startedAt: number; readonly endsAt: number }[] = [];
  for (let now = 0; now < forMs; now += 1) {
    for (const done of out.filter(({ endsAt }) => endsAt <= now)) {
      out.splice(out.indexOf(done), 1);
      limit.answered(now, done.endsAt - done.startedAt);
    }
    while (out.length < limit.value) {
      const worker = free.indexOf(Math.min(...free));
      const endsAt = Math.max(now, free[worker] ?? 0) + serviceMs;
      free[worker] = endsAt;
      out.push({ startedAt: now, endsAt });
    }
    limit.usedUp();
  }
}

suite('the adaptive limit', ({ test }) => {
  test('grows to its bound within ten answers if the server keeps up', () => {
    const limit = new AdaptiveLimit(500);
    assert.is(limit.value, 8);
    play(limit, { workers: 10_000, serviceMs: 30, forMs: 300 });
    assert.is(limit.value, 500);
  });

  test('settles near the number of workers of a server', () => {
    const limit = new AdaptiveLimit(1_000);
    play(limit, { workers: 50, serviceMs: 30, forMs: 6_000 });
    assert.ok(limit.value >= 50 && limit.value <= 180, `${limit.value}`);
  });

  test('does not grow while nothing waits for it', () => {
    const limit = new AdaptiveLimit(500);
    for (let now = 0; now < 1_000; now += 10) limit.answered(now, 30);
    assert.is(limit.value, 8);
  });

  test('shrinks while effects fail, to no less than eight, once per period', () => {
    const limit = new AdaptiveLimit(500);
    play(limit, { workers: 10_000, serviceMs: 30, forMs: 300 });
    limit.answered(400, 30);
    for (let failure = 0; failure < 100; failure += 1) limit.failed(401);
    limit.answered(500, 30);
    assert.is(limit.value, 450);
    for (let now = 1_000; now < 2_000; now += 1) limit.failed(now);
    assert.is(limit.value, 8);
  });

  test('stays at a small bound, whatever happens', () => {
    const limit = new AdaptiveLimit(3);
    limit.failed(1);
    play(limit, { workers: 1, serviceMs: 30, forMs: 500 });
    assert.is(limit.value, 3);
  });
});
