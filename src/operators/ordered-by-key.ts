import { Observable, type OperatorFunction, Subscription } from 'rxjs';
import type { Delivery } from '../core/delivery.ts';
import { asMessageError, FatalError, PoisonError, toError } from '../core/errors.ts';
import { Fifo } from '../util/fifo.ts';

export interface OrderedByKeyOptions {
  /** Deliveries of one key keep their order; undefined: this one waits for none, and none waits for it. */
  readonly keyOf: (delivery: Delivery) => string | undefined;
  /** Effects at one time. What waits is bounded by the source's credit. */
  readonly limit: number;
}

/** The effect on a delivery, in its turn. */
export interface OrderedEffect<R> {
  (delivery: Delivery): Observable<R>;
  /**
   * The result, where it can be had without waiting; undefined if the effect has to run. What it throws is a failure of
   * the effect.
   */
  readonly trySync?: (delivery: Delivery) => R | undefined;
}

/** The deliveries of one key behind the effect that runs. */
type Lane = Fifo<Delivery>;

/**
 * Runs `effect` for each delivery, one at a time for a key and `limit` at a time in all, and emits what it emits: so
 * results of one key come in order of arrival, whatever their effects take. Different keys never wait for each other,
 * while there is a free place.
 *
 * An effect that fails costs its delivery: with a PoisonError it goes to dead-letter; with any other error it goes
 * back, and so do those of the same key that wait behind it, or they would overtake it. One that is out of turn goes
 * back without an effect. Only a FatalError ends the stream. Unsubscribing aborts the effects and settles nothing.
 */
export function orderedByKey<R>(
  { keyOf, limit }: OrderedByKeyOptions,
  effect: OrderedEffect<R>,
): OperatorFunction<Delivery, R> {
  return (source) =>
    new Observable<R>((subscriber) => {
      const lanes = new Map<string, Lane>();
      const running = new Subscription();
      /** Ready to run, for want of a free place. */
      const ready = new Fifo<{ delivery: Delivery; key: string | undefined }>();
      let inProgress = 0;
      let completed = false;
      let starting = false;

      /** True if the delivery needed no effect. Nobody of its key is before it. */
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
          // Its place is free only now: a settlement may bring the source's last deliveries, and its completion.
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

      /** False if the stream has ended. */
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
