import { Observable, type Subscriber, take } from 'rxjs';

/** Lifecycle callbacks of a source. */
export interface SourceLife<T> {
  /** Connects, and sends everything it receives to the subscriber. */
  readonly begin: (subscriber: Subscriber<T>) => void;
  /** Stops receiving. */
  readonly stop: () => void;
  /** Returns unsettled messages. */
  readonly abort: () => void;
}

/**
 * Creates the Observable that `Source` specifies: completes on the stop signal, and aborts if unsubscribed before. Can
 * be subscribed once.
 */
export function stoppable<T>(stop: Observable<unknown>, life: SourceLife<T>): Observable<T> {
  let isSubscribed = false;
  return new Observable((subscriber) => {
    if (isSubscribed) throw new Error('a source can be subscribed only once');
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
