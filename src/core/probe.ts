import { Observable, Subject } from 'rxjs';

/**
 * A named tap in a graph: counts what passes and shows it to whoever subscribes. While nobody does, a pass costs one
 * increment.
 */
export class Probe<T> extends Observable<T> {
  readonly label: string;
  /** Number of values that have passed. */
  count = 0;
  readonly #values = new Subject<T>();

  /** @param label the probe's full name, for example `ingestion.received`. */
  constructor(label: string) {
    super((subscriber) => this.#values.subscribe(subscriber));
    this.label = label;
  }

  /** Lets a value pass. Safe to hand around as a callback. */
  readonly hit = (value: T): void => {
    this.count += 1;
    if (this.#values.observed) this.#values.next(value);
  };
}
