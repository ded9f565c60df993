import { finalize, Observable, Subscription } from 'rxjs';
import { Fifo } from '../util/fifo.ts';

/**
 * Runs at most `limit` effects concurrently. The others wait in the order of subscription; the caller bounds their
 * number.
 *
 *     const limited = limitConcurrency(100);
 *     limited(defer(() => call(key)))
 */
export function limitConcurrency(limit: number): <T>(effect: Observable<T>) => Observable<T> {
  let running = 0;
  const waiting = new Fifo<() => void>();
  /** Effects may end while being started; the running loop then continues instead of starting recursively. */
  let isStarting = false;
  const next = (): void => {
    if (isStarting) return;
    isStarting = true;
    while (running < limit && waiting.length > 0) waiting.shift()?.();
    isStarting = false;
  };
  return <T>(effect: Observable<T>) =>
    new Observable<T>((subscriber) => {
      const subscription = new Subscription();
      waiting.push(() => {
        if (subscriber.closed) return;
        running += 1;
        const ended = finalize<T>(() => {
          running -= 1;
          next();
        });
        subscription.add(effect.pipe(ended).subscribe(subscriber));
      });
      next();
      return subscription;
    });
}
