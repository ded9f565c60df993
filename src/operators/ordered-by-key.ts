import { Observable, type OperatorFunction, Subscription } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { asMessageError, FatalError, PoisonError, toError } from '../core/errors.ts';
import { Fifo } from '../util/fifo.ts';

export interface OrderedByKeyOptions {
  /** Deliveries with the same key keep their order. Undefined: no order. */
  readonly keyOf: (delivery: Delivery) => string | undefined;
  /** Concurrent effects. The source's credit bounds what waits. */
  readonly limit: number;
}

/** The effect on a delivery, run in its turn. */
export interface OrderedEffect<R> {
  (delivery: Delivery): Observable<R>;
  /**
   * Returns the result if it is available without waiting; undefined if the effect must run. An error counts as a
   * failure of the effect.
   */
  readonly trySync?: (delivery: Delivery) => R | undefined;
}

/** Deliveries of one key that wait behind its running effect. */
type Lane = Fifo<Delivery>;

/**
 * Runs `effect` for each delivery, one at a time per key and `limit` in total, and emits its values. Results of one key
 * arrive in order, however long their effects take. Keys never wait for each other while a place is free.
 *
 * A failed effect dead-letters its delivery on a PoisonError. On any other error the delivery goes back, together with
 * those waiting behind it, which would overtake it. A delivery out of turn goes back without an effect. Only a
 * FatalError ends the stream. Unsubscribing aborts the effects without settling anything.
 */
export function orderedByKey<R>(
  { keyOf, limit }: OrderedByKeyOptions,
  effect: OrderedEffect<R>,
): OperatorFunction<Delivery, R> {
  return (source) =>
    new Observable<R>((subscriber) => {
      const lanes = new Map<string, Lane>();
      const running = new Subscription();
      /** Deliveries that are next for their key and wait for a free place. */
      const ready = new Fifo<{ delivery: Delivery; key: string | undefined }>();
      let inProgress = 0;
      let completed = false;
      let starting = false;

      /** Returns true if the delivery needed no effect. Called only if no delivery of its key is ahead. */
      const passes = (trySync: (delivery: Delivery) => R | undefined, delivery: Delivery): boolean => {
        if (delivery.isOutOfTurn) return false;
        let result: R | undefined;
        try {
          result = trySync(delivery);
        } catch (thrown) {
          fail(delivery, undefined, toError(thrown));
          return true;
        }
        if (result === undefined) return false;
        subscriber.next(result);
        return true;
      };

      const startReady = (): void => {
        if (starting) return;
        starting = true;
        while (inProgress < limit) {
          const next = ready.shift();
          if (next === undefined) break;
          run(next.delivery, next.key);
        }
        starting = false;
        if (completed && inProgress === 0 && ready.length === 0) subscriber.complete();
      };

      const run = (delivery: Delivery, key: string | undefined): void => {
        if (delivery.isOutOfTurn) {
          delivery.nack();
          advance(key);
          return;
        }
        inProgress += 1;
        const finish = (thrown: unknown): void => {
          // Frees the place only now: settling may synchronously deliver the source's last messages and its completion.
          if (thrown !== undefined && !fail(delivery, key, toError(thrown))) return;
          inProgress -= 1;
          advance(key);
          startReady();
        };
        let result: Observable<R>;
        try {
          result = effect(delivery);
        } catch (thrown) {
          finish(thrown ?? new Error('the effect threw nothing'));
          return;
        }
        const subscription = new Subscription();
        running.add(subscription);
        subscription.add(
          result.subscribe({
            next: (value) => subscriber.next(value),
            error: (thrown) => {
              running.remove(subscription);
              finish(thrown ?? new Error('the effect failed with nothing'));
            },
            complete: () => {
              running.remove(subscription);
              finish(undefined);
            },
          }),
        );
      };

      /** Returns false if the stream has ended. */
      const fail = (delivery: Delivery, key: string | undefined, error: Error): boolean => {
        if (error instanceof FatalError) {
          subscriber.error(error);
          return false;
        }
        if (error instanceof PoisonError) delivery.deadLetter(error);
        else {
          delivery.nack();
          const lane = key === undefined ? undefined : lanes.get(key);
          for (const successor of lane?.drain() ?? []) successor.nack();
        }
        return true;
      };

      const advance = (key: string | undefined): void => {
        if (key === undefined) return;
        const next = lanes.get(key)?.shift();
        if (next === undefined) lanes.delete(key);
        else ready.push({ delivery: next, key });
      };

      const upstream = source.subscribe({
        next: (delivery) => {
          let key: string | undefined;
          try {
            key = keyOf(delivery);
          } catch (thrown) {
            const error = asMessageError(thrown, 'hook_failed');
            if (error instanceof PoisonError) delivery.deadLetter(error);
            else delivery.nack();
            return;
          }
          const lane = key === undefined ? undefined : lanes.get(key);
          if (lane !== undefined) {
            lane.push(delivery);
            return;
          }
          if (effect.trySync !== undefined && passes(effect.trySync, delivery)) return;
          if (key !== undefined) lanes.set(key, new Fifo());
          ready.push({ delivery, key });
          startReady();
        },
        error: (error) => subscriber.error(error),
        complete: () => {
          completed = true;
          startReady();
        },
      });

      return () => {
        upstream.unsubscribe();
        running.unsubscribe();
      };
    });
}
