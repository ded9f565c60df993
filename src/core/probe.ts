import { Observable, Subject } from 'rxjs';

/**
 * A named tap in a graph: counts values and shows them to subscribers. Without subscribers, each value costs one
 * increment.
 */
export class Probe<T> extends Observable<T> {
  readonly label: string;
  /** Number of values so far. */
  count = 0;
  readonly #values = new Subject<T>();

  /** @param label the probe's full name, for example `ingestion.received`. */
  constructor(label: string) {
    super((subscriber) => this.#values.subscribe(subscriber));
    this.label = label;
  }

  /** Records a value. Bound, so that it can be passed as a callback. */
  readonly hit = (value: T): void => {
    this.count += 1;
    if (this.#values.observed) this.#values.next(value);
  };
}
