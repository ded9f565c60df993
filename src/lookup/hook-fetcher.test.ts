import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import * as assert from 'uvu/assert';
import { PoisonError, RetryableError } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import { parseExact } from '../util/json/lossless-json.ts';
import { type FetcherHook, hookFetcher } from './hook-fetcher.ts';

const CONFIG = { timeoutMs: 1_000, concurrency: 100 };

function open(call: FetcherHook, scheduler?: VirtualTimeScheduler) {
  const answers: string[] = [];
  const results: (string | undefined)[] = [];
  const fetcher = hookFetcher({
    ...{ call, config: CONFIG },
    onAnswer: ({ layer, key, found }) => answers.push(`${layer} ${key} ${found}`),
    onResult: (error) => results.push(error?.message),
    ...(scheduler === undefined ? {} : { scheduler }),
  });
  const get = (key = 'd1') => firstValueFrom(fetcher.fetch(key)).catch((error: unknown) => error);
  return { fetcher, get, answers, results };
}

/** A JavaScript hook may return another type than declared. */
const untyped = (value: unknown): FetcherHook => (() => value) as FetcherHook;

suite('hook fetcher', ({ test }) => {
  test('answers synchronously or later, with or without data', async () => {
    const table: Record<string, { n: number }> = { d1: { n: 1 }, d2: { n: 2 } };
    for (const call of [(key: string) => table[key], async (key: string) => table[key]]) {
      const { get, answers, results } = open(call);
      assert.equal([await get('d1'), await get('d2'), await get('d3')], [{ n: 1 }, { n: 2 }, undefined]);
      assert.equal(answers, ['fetcher d1 true', 'fetcher d2 true', 'fetcher d3 false']);
      assert.equal(results, [undefined, undefined, undefined]);
    }
  });

  test('copies the data as JSON, and leaves the object to the hook', async () => {
    const own = {
      at: new Date(0),
      none: undefined,
      nested: { list: [1, { b: 2 }] },
      big: Object(parseExact('{"n":1.0}')).n,
    };
    const { get } = open(() => own);
    const data = await get();
    assert.is(JSON.stringify(data), '{"at":"1970-01-01T00:00:00.000Z","nested":{"list":[1,{"b":2}]},"big":1.0}');
    assert.is.not(data, own);
    assert.equal(await open(() => Object.assign(Object.create(null), { a: 1 })).get(), { a: 1 });
  });

  test('reports an outage, and keeps it one', async () => {
    for (const call of [
      () => Promise.reject(new RetryableError('away')),
      () => {
        throw new RetryableError('away');
      },
    ]) {
      const { get, results } = open(call);
      const thrown = await get();
      assert.instance(thrown, RetryableError);
      assert.equal(results, ['the fetcher failed: away']);
    }
  });

  test('an error or invalid result fails the messages of that key', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const cases: readonly (readonly [FetcherHook, RegExp])[] = [
      [untyped(null), /must return a plain object or undefined, not null/],
      [untyped([1]), /not a list/],
      [untyped('x'), /not a string/],
      [untyped(Promise.resolve(7)), /not a number/],
      [untyped(new Map()), /not an instance of Map/],
      [untyped({ big: 1n }), /JSON cannot represent: .*BigInt/],
      [untyped(circle), /JSON cannot represent/],
      [untyped({ toJSON: () => 7 }), /in JSON it is a number/],
      [() => Promise.reject(new TypeError('broken')), /^the fetcher failed: broken/],
      [
        () => {
          throw Object.create(null);
        },
        /^the fetcher failed: /,
      ],
    ];
    for (const [call, text] of cases) {
      const thrown = await open(call).get();
      assert.ok(thrown instanceof PoisonError && thrown.reason === 'hook_failed', String(thrown));
      assert.match(thrown.message, text);
    }
  });

  test('a timeout is an outage', () => {
    const scheduler = new VirtualTimeScheduler();
    const { fetcher, results } = open(() => new Promise(() => {}), scheduler);
    let thrown: unknown;
    fetcher.fetch('d1').subscribe({
      error: (error) => {
        thrown = error;
      },
    });
    scheduler.flush();
    assert.instance(thrown, RetryableError);
    assert.is(scheduler.now(), CONFIG.timeoutMs);
    assert.equal(results, ['the fetcher: no answer within 1000 ms']);
  });

  test('bounds concurrent calls', async () => {
    let running = 0;
    let most = 0;
    const { fetcher } = open(async () => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return {};
    });
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => firstValueFrom(fetcher.fetch(`d${n}`))));
    assert.is(most, CONFIG.concurrency);
  });
});
