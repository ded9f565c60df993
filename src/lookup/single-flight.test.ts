import { firstValueFrom, Subject, throwError } from 'rxjs';
import * as assert from 'uvu/assert';
import { RetryableError } from '../core/errors.ts';
import { fakeFetcher } from '../testing/fake-fetcher.ts';
import { suite } from '../testing/suite.ts';
import { singleFlight } from './chain.ts';
import type { LookupData } from './fetcher.ts';

suite('single flight', ({ test }) => {
  test('10,000 concurrent fetches of a key share one fetch and its answer', () => {
    const answer = new Subject<LookupData>();
    const behind = fakeFetcher({}, () => answer);
    const fetcher = singleFlight(behind);
    let answered = 0;
    let completed = 0;
    for (let each = 0; each < 10_000; each += 1) {
      fetcher.fetch('d1').subscribe({
        next: (data) => {
          assert.equal(data, { a: 1 });
          answered += 1;
        },
        complete: () => {
          completed += 1;
        },
      });
    }
    assert.equal(behind.fetched, ['d1']);
    answer.next({ a: 1 });
    answer.complete();
    assert.equal([answered, completed], [10_000, 10_000]);
  });

  test('keys are fetched separately, and a later fetch is a new one', async () => {
    const behind = fakeFetcher({ a: { n: 1 }, b: { n: 2 } });
    const fetcher = singleFlight(behind);
    assert.equal(await Promise.all(['a', 'b', 'a'].map((key) => firstValueFrom(fetcher.fetch(key)))), [
      { n: 1 },
      { n: 2 },
      { n: 1 },
    ]);
    assert.equal(behind.fetched, ['a', 'b', 'a'], 'immediate answers are not shared');
  });

  test('a failure reaches all subscribers, and the next fetch tries again', () => {
    const answer = new Subject<LookupData>();
    const behind = fakeFetcher({}, () => answer);
    const fetcher = singleFlight(behind);
    const errors: unknown[] = [];
    for (let each = 0; each < 3; each += 1) fetcher.fetch('d1').subscribe({ error: (error) => errors.push(error) });
    const outage = new RetryableError('down');
    answer.error(outage);
    assert.equal(errors, [outage, outage, outage]);
    fetcher.fetch('d1').subscribe({ error: () => {} });
    assert.is(behind.fetched.length, 2);
    singleFlight(fakeFetcher({}, () => throwError(() => outage)))
      .fetch('x')
      .subscribe({ error: (error) => errors.push(error) });
    assert.is(errors.length, 4);
  });

  test('unsubscribing stops the fetch only for the last subscriber', () => {
    const answer = new Subject<LookupData>();
    const behind = fakeFetcher({}, () => answer);
    const fetcher = singleFlight(behind);
    const first = fetcher.fetch('d1').subscribe();
    const second = fetcher.fetch('d1').subscribe();
    first.unsubscribe();
    assert.ok(answer.observed);
    second.unsubscribe();
    assert.not(answer.observed);
    fetcher.fetch('d1').subscribe();
    assert.is(behind.fetched.length, 2);
  });

  test('a completed fetch is forgotten', async () => {
    const fetcher = singleFlight(fakeFetcher({ d1: {} }));
    const flight = fetcher.fetch('d1');
    assert.is(fetcher.fetch('d1'), flight);
    await firstValueFrom(flight);
    assert.is.not(fetcher.fetch('d1'), flight, 'it would be kept forever');
  });

  test('passes invalidation and closing on', async () => {
    const behind = fakeFetcher({});
    const fetcher = singleFlight(behind);
    await firstValueFrom(fetcher.invalidate('d1'), { defaultValue: undefined });
    await fetcher.close();
    assert.equal(behind.invalidated, ['d1']);
    assert.ok(behind.closed());
  });
});
