import { Observable, type OperatorFunction, type SchedulerLike, Subscription } from 'rxjs';
import type { Credit } from '../core/credit.ts';
import type { Delivery } from '../core/delivery.ts';
import { asMessageError, FatalError, PoisonError, RetryableError, toError } from '../core/errors.ts';
import { accepted, failed, type Outcome, postponed } from '../core/outcome.ts';
import { type Linked, LinkedList } from '../util/linked-list.ts';
import { monotonicScheduler } from '../util/monotonic-scheduler.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { type Batch, Batcher, type BatchItem, type BatchLimits } from './batcher.ts';
import { FailingTargets, type FailingTargetsView, targetShare } from './failing-targets.ts';
import type { PartitionKey } from './partition-key.ts';

/** The right of one batch to be worked on: there are `concurrency` of them. */
export interface Slot {
  /**
   * Gives the slot to other batches while this one waits for its next try, and holds back the batches of `target`, which
   * would meet the same failure. They may go again once a batch of that target is done. Ends the batch and unsubscribes
   * its effect, if the target holds more than its share of the credit: the messages go back to wait at their source.
   *
   * @param isOutage as in `retries`; not so where the server refuses this target alone. Default: true.
   */
  pause(target: string, isOutage?: boolean): void;
  /** Emits and completes once the batch has a slot again; before batches that have not begun. */
  resume(): Observable<void>;
  /**
   * Says that the batch is tried again without a pause, so that its time says nothing about the server. After an outage,
   * or a refusal for its rate, fewer batches may run.
   */
  retries(isOutage: boolean): void;
}

/** What became of one item: undefined is success, a PoisonError goes to dead-letter, any other error back to the source. */
export type ItemResult = Error | undefined;

export interface BatchIntoOptions<T extends BatchItem> {
  readonly limits: BatchLimits;
  /**
   * The most batches that the effect works on at a time, those that have paused left out: the slots of the sink. Fewer
   * than that, down to eight, while answers get slower or fail (`AdaptiveLimit`).
   */
  readonly concurrency: number;
  /**
   * Makes a delivery ready for the sink, and names the batches it belongs to. What it throws costs that delivery alone:
   * it goes to dead-letter, with the reason of a PoisonError. Undefined leaves the delivery out.
   */
  readonly prepare: (delivery: Delivery) => T | undefined;
  /** What every batch depends on, beside the target of its key. Default: nothing. */
  readonly sharedTarget?: string;
  /** Called once for each stream with the targets that fail: a view that changes as they do. */
  readonly onFailingTargets?: (failing: FailingTargetsView) => void;
  /** The source's credit: when it is used up, the fullest batch leaves before it is old. */
  readonly credit: Credit;
  readonly onFlush?: (batch: Batch<T>) => void;
  readonly scheduler?: SchedulerLike;
}

/** The share of all credit that a batch must hold to leave for want of it, while others are under way. */
const WORTH_PRESSING = 0.25;

/** A batch under way. Not in a Set: V8 would keep settled batches until the next full collection (see `LinkedList`). */
class BatchOut<T extends BatchItem> implements Linked<BatchOut<T>> {
  readonly batch: Batch<T>;
  /** Of the effect. It exists before `subscribe`, in which the effect may complete. */
  readonly subscription = new Subscription();
  older: BatchOut<T> | undefined = undefined;
  newer: BatchOut<T> | undefined = undefined;
  isLinked = false;

  constructor(batch: Batch<T>) {
    this.batch = batch;
  }
}

const OUT_OF_TURN = new RetryableError('an earlier message of its ordering key went back');

/**
 * Groups deliveries into batches and runs `effect` for each, at most `concurrency` at a time and as many as it answers
 * without getting slower; emits one outcome for each delivery, in no order between batches.
 *
 * A batch leaves when a slot is free and it is full (`maxCount`, `maxBytes`), old (`maxAgeMs`), in the way of another
 * (`maxOpen`), the fullest while credit is used up (`pressure`), or the source has completed. Under pressure, small ones
 * wait for another batch to return. What it holds is bounded by the source's credit.
 *
 * A batch whose effect has paused holds no slot: a target that fails holds up its own batches, and no others. It keeps
 * half of the credit at most, where messages can wait at their source (`mayPostpone`): what is beyond that goes back, to
 * come again after as long as the target has been failing, 1 s to 10 s.
 *
 * The effect emits once: one result for each item, in their order. Where it emits none, or another number, all items go
 * back; where it fails with a PoisonError, all go to dead-letter. A nack of a serial key takes along what waits of that
 * key, and a delivery that is out of turn goes back on arrival. Only a FatalError ends the stream. Unsubscribing aborts
 * the effects and settles nothing.
 */
export function batchInto<T extends BatchItem>(
  options: BatchIntoOptions<T>,
  effect: (batch: Batch<T>, slot: Slot) => Observable<readonly ItemResult[]>,
): OperatorFunction<Delivery, Outcome> {
  const scheduler = options.scheduler ?? monotonicScheduler;
  const { credit, prepare, concurrency } = options;
  const share = targetShare(credit.limits);
  const now = () => scheduler.now();

  return (source) =>
    new Observable<Outcome>((subscriber) => {
      const failing = new FailingTargets<T>(options.sharedTarget, credit.limits, now);
      options.onFailingTargets?.(failing);
      const batcher = new Batcher<T>(options.limits, (key) => failing.isBlocked(key));
      const limit = new AdaptiveLimit(concurrency);
      /** Batches that have left and are not done. */
      const out = new LinkedList<BatchOut<T>>();
      let messagesOut = 0;
      /** Batches that hold a slot. */
      let inProgress = 0;
      /** Batches that have paused. */
      let paused = 0;
      /** Paused batches that want a slot again, in order. */
      const resuming = new Set<() => void>();
      let completing = false;
      let dispatching = false;
      let timer: Subscription | undefined;
      let timerDueAt = Number.POSITIVE_INFINITY;
      let pressureCheck: Subscription | undefined;

      const dispatch = (pressing: 'pressure' | undefined = undefined): void => {
        if (dispatching) return;
        dispatching = true;
        while (inProgress < limit.value && !subscriber.closed) {
          const [resume] = resuming;
          if (resume !== undefined) {
            resume();
            continue;
          }
          const batch = batcher.take(now(), completing ? 'completion' : pressing);
          if (batch === undefined) break;
          run(batch);
        }
        dispatching = false;
        if (completing && inProgress + paused === 0 && batcher.isEmpty) subscriber.complete();
        else if (inProgress >= limit.value) {
          // A few open batches profit from waiting: they get larger, and cost fewer requests. And where those under way hold
          // half of the credit, more of them would only hold the rest.
          const profits = batcher.sealedCount === 0 && batcher.openCount < limit.value;
          if (!profits && messagesOut < share.maxMessages) limit.usedUp();
        } else {
          armTimer();
          if (credit.starved && pressing === undefined) checkPressure();
        }
      };

      const armTimer = (): void => {
        const dueAt = batcher.nextDueAt;
        if (dueAt === undefined || dueAt >= timerDueAt) return;
        timer?.unsubscribe();
        timerDueAt = dueAt;
        timer = scheduler.schedule(
          () => {
            timerDueAt = Number.POSITIVE_INFINITY;
            dispatch();
          },
          Math.max(0, dueAt - now()),
        );
      };

      // A turn later, so that the delivery that took the last credit is in its batch already.
      const checkPressure = (): void => {
        if (pressureCheck !== undefined || batcher.openCount === 0) return;
        pressureCheck = scheduler.schedule(() => {
          pressureCheck = undefined;
          if (credit.starved && mayPress()) dispatch('pressure');
        });
      };

      /**
       * While others are under way, a small batch waits for one of them to return, or to be old: the credit that returns
       * makes it larger. Else pieces would only ever become smaller, as each leaves with what the last one gave back.
       * Where more are open than may go, the fullest of many leaves, and waiting would only let slots stand empty.
       */
      const mayPress = (): boolean =>
        inProgress === 0 ||
        batcher.openCount >= limit.value ||
        batcher.fullestCount >= credit.limits.maxMessages * WORTH_PRESSING;

      /** Gives back the successors of a delivery that goes back, where order counts: they would overtake it. */
      const gaveBack = (key: PartitionKey, error: Error): void => {
        if (!key.isSerial) return;
        for (const { delivery } of batcher.drain(key)) subscriber.next(failed(delivery, error));
      };

      function* held(): Generator<T> {
        yield* batcher.waiting();
        for (const { batch } of out) yield* batch.items;
      }

      const postpone = (deliveries: readonly Delivery[], target: string): void => {
        const afterMs = failing.postponeMs(target);
        const error = new RetryableError(`${target} fails, and holds its share of what may be in flight`);
        for (const delivery of deliveries) subscriber.next(postponed(delivery, error, afterMs));
      };

      const mayPostpone = (items: readonly T[]): boolean => items.every(({ delivery }) => delivery.mayPostpone);

      /** Gives back what has not left yet, while its target holds more than its share. */
      const giveBackExcess = (target: string): void => {
        const excess = batcher.takeBack((items) => {
          const [first] = items;
          if (first === undefined || !failing.isOf(target, first) || !mayPostpone(items)) return false;
          if (!failing.exceedsShare(target)) return false;
          failing.remove(items);
          return true;
        });
        postpone(
          excess.map(({ delivery }) => delivery),
          target,
        );
      };

      const run = (batch: Batch<T>): void => {
        inProgress += 1;
        const current = new BatchOut(batch);
        out.add(current);
        messagesOut += batch.items.length;
        options.onFlush?.(batch);
        let isSettled = false;
        const settleAll = (results: readonly ItemResult[]): void => {
          if (isSettled) return;
          isSettled = true;
          batch.items.forEach(({ delivery }, index) => {
            const error = results[index];
            if (error !== undefined && !(error instanceof PoisonError)) gaveBack(batch.key, error);
            subscriber.next(error === undefined ? accepted(delivery) : failed(delivery, error));
          });
        };
        const failAll = (error: Error): void => settleAll(batch.items.map(() => error));
        const finish = (error: Error): void => {
          if (error instanceof FatalError) {
            subscriber.error(error);
            return;
          }
          // First: what goes back makes room for batches that may pause in turn.
          failing.unblock(batch.key);
          failAll(error);
          leave();
        };
        const leave = (): void => {
          out.delete(current);
          messagesOut -= batch.items.length;
          if (isPaused) paused -= 1;
          else inProgress -= 1;
          batcher.returned(batch.key);
          dispatch();
        };
        /** One batch of a failing target stays, and tries again: others go back if the target holds too much. */
        const postponeExcess = (target: string): void => {
          if (!failing.exceedsShare(target)) return;
          giveBackExcess(target);
          const isAlone = ![...out].some((other) => other !== current && failing.isOf(target, other.batch));
          if (isSettled || isAlone || !failing.exceedsShare(target) || !mayPostpone(batch.items)) return;
          current.subscription.unsubscribe();
          isSettled = true;
          failing.remove(batch.items);
          gaveBack(batch.key, OUT_OF_TURN);
          postpone(
            batch.items.map(({ delivery }) => delivery),
            target,
          );
          leave();
        };
        let isPaused = false;
        const slot: Slot = {
          pause: (target, isOutage = true) => {
            slot.retries(isOutage);
            failing.block(target, held);
            if (!isPaused) {
              isPaused = true;
              inProgress -= 1;
              paused += 1;
              dispatch();
            }
            postponeExcess(target);
          },
          resume: () =>
            new Observable<void>((waiting) => {
              const resume = (): void => {
                resuming.delete(resume);
                isPaused = false;
                paused -= 1;
                inProgress += 1;
                waiting.next();
                waiting.complete();
              };
              resuming.add(resume);
              dispatch();
              return () => resuming.delete(resume);
            }),
          retries: (isOutage) => {
            isFirstTry = false;
            if (isOutage) limit.failed(now());
          },
        };
        const startedAt = now();
        let isFirstTry = true;
        let result: Observable<readonly ItemResult[]>;
        try {
          result = effect(batch, slot);
        } catch (thrown) {
          finish(toError(thrown));
          return;
        }
        current.subscription.add(
          result.subscribe({
            next: (results) => {
              const isWhole = results.length === batch.items.length;
              if (isWhole) settleAll(results);
              else failAll(new Error(`the sink has ${results.length} results for ${batch.items.length} messages`));
            },
            error: (thrown) => finish(toError(thrown)),
            complete: () => {
              if (isFirstTry) limit.answered(now(), now() - startedAt);
              finish(new Error('the sink completed without results'));
            },
          }),
        );
      };

      const pressure = credit.starvation.subscribe({ next: checkPressure, error: (error) => subscriber.error(error) });
      const upstream = source.subscribe({
        next: (delivery) => {
          if (delivery.isOutOfTurn) {
            subscriber.next(failed(delivery, OUT_OF_TURN));
            return;
          }
          let item: T | undefined;
          try {
            item = prepare(delivery);
          } catch (thrown) {
            if (thrown instanceof FatalError) subscriber.error(thrown);
            else subscriber.next(failed(delivery, asMessageError(thrown, 'internal')));
            return;
          }
          if (item === undefined) {
            subscriber.next({ verdict: 'drop', delivery });
            return;
          }
          const full = failing.admit(item);
          if (full !== undefined) postpone([delivery], full);
          else if (batcher.add(item, now)) dispatch();
        },
        error: (error) => subscriber.error(error),
        complete: () => {
          completing = true;
          dispatch();
        },
      });

      return () => {
        upstream.unsubscribe();
        pressure.unsubscribe();
        pressureCheck?.unsubscribe();
        timer?.unsubscribe();
        for (const { subscription } of out) subscription.unsubscribe();
      };
    });
}
