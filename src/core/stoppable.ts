import { Observable, type Subscriber, take } from 'rxjs';

/** Callbacks of a source's life. */
export interface SourceLife<T> {
  /** Connects; what it takes from there goes to the subscriber. */
  readonly begin: (subscriber: Subscriber<T>) => void;
  /** Takes no more. */
  readonly stop: () => void;
  /** Gives back what is unsettled. */
  readonly abort: () => void;
}

/**
 * The Observable of a source, as `Source` promises it: it completes at the stop signal, and unsubscribing before is the
 * abort. It can be subscribed once.
 */
export function stoppable<T>(stop: Observable<unknown>, life: SourceLife<T>): Observable<T> {
  let isSubscribed = false;
  return new Observable((subscriber) => {
    if (isSubscribed) throw new Error('a source is subscribed once');
    isSubscribed = true;
    let isStopped = false;
    life.begin(subscriber);
    const stopping = stop.pipe(take(1)).subscribe({
      next: () => {
        isStopped = true;
        life.stop();
        subscriber.complete();
      },
      error: (thrown) => subscriber.error(thrown),
    });
    return () => {
      stopping.unsubscribe();
      if (!isStopped) life.abort();
    };
  });
}
