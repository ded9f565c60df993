import { Observable, of, Subject } from 'rxjs';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { limitConcurrency } from './limit-concurrency.ts';

suite('limitConcurrency', ({ test }) => {
  test('runs up to the limit concurrently, the others in turn, and frees a place however one ends', () => {
    const limited = limitConcurrency(2);
    const started: number[] = [];
    const ended: unknown[] = [];
    const effects = Array.from({ length: 6 }, () => new Subject<number>());
    const subscriptions = effects.map((effect, index) =>
      limited(
        new Observable<number>((subscriber) => {
          started.push(index);
          return effect.subscribe(subscriber);
        }),
      ).subscribe({ error: (error) => ended.push(error), complete: () => ended.push(index) }),
    );
    assert.equal(started, [0, 1]);
    effects[1]?.next(7);
    assert.equal(started, [0, 1], 'a value is not an end');
    effects[1]?.complete();
    assert.equal(started, [0, 1, 2]);
    subscriptions[3]?.unsubscribe();
    effects[0]?.error('failed');
    assert.equal(started, [0, 1, 2, 4], 'one that was given up is passed over');
    subscriptions[2]?.unsubscribe();
    assert.equal(started, [0, 1, 2, 4, 5]);
    effects[4]?.complete();
    effects[5]?.complete();
    assert.equal(ended, [1, 'failed', 4, 5]);
  });

  test('synchronous effects do not grow the stack', () => {
    const limited = limitConcurrency(1);
    const first = new Subject<void>();
    limited(first).subscribe();
    let done = 0;
    for (let each = 0; each < 20_000; each += 1) {
      limited(of(each)).subscribe(() => {
        done += 1;
      });
    }
    first.complete();
    assert.is(done, 20_000);
  });
});
