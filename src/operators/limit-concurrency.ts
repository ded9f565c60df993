import { finalize, Observable, Subscription } from 'rxjs';
import { Fifo } from '../util/fifo.ts';

/**
 * Lets at most `limit` effects run concurrently; the others wait for their turn, in the order of their subscription. As
 * many wait as are subscribed: the caller bounds them.
 *
 *     const limited = limitConcurrency(100);
 *     limited(defer(() => call(key)))
 */
export function limitConcurrency(limit: number): <T>(effect: Observable<T>) => Observable<T> {
  let running = 0;
  const waiting = new Fifo<() => void>();
  /** Effects may end while they are started: the loop goes on then, and does not begin anew inside of itself. */
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
