import { Observable, type OperatorFunction, type SchedulerLike, Subscription } from 'rxjs';
import type { Credit } from '../core/credit.ts';
import { accepted, type Delivery, failed, type Outcome, postponed } from '../core/delivery.ts';
import { asMessageError, FatalError, PoisonError, RetryableError, toError } from '../core/errors.ts';
import { monotonicScheduler } from '../util/clock.ts';
import { type Linked, LinkedList } from '../util/linked-list.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { type Batch, Batcher, type BatchItem, type BatchLimits, type PartitionKey } from './batcher.ts';
import { FailingTargets, type FailingTargetsView, targetShare } from './failing-targets.ts';

/** The right to process one batch; there are `concurrency` of them. */
export interface Slot {
  /**
   * Releases the slot while this batch waits for its next attempt, and holds back the batches of `target`, which would
   * fail the same way, until one batch of that target is done. If the target exceeds its share of the credit, ends the
   * batch and unsubscribes its effect: its messages go back to wait at their source.
   *
   * @param isOutage as in `retries`; false if the server refuses only this target. Default: true.
   */
  pause(target: string, isOutage?: boolean): void;
  /** Emits and completes once the batch has a slot again, ahead of new batches. */
  resume(): Observable<void>;
  /**
   * Reports a retry without a pause, so that the batch's duration is not used to adapt the limit. An outage, or a
   * refusal because of the rate, lowers the limit.
   */
  retries(isOutage: boolean): void;
}

/**
 * The result of one item: undefined is success, a PoisonError goes to dead-letter, any other error back to the source.
 */
export type ItemResult = Error | undefined;

export interface BatchIntoOptions<T extends BatchItem> {
  readonly limits: BatchLimits;
  /**
   * The sink's slots: the most batches processed concurrently, paused ones excluded. Drops to as few as eight while
   * answers slow down or fail (`AdaptiveLimit`).
   */
  readonly concurrency: number;
  /**
   * Prepares a delivery for the sink, and assigns it to batches. An error it throws dead-letters that delivery alone,
   * with the reason of a PoisonError. Undefined drops the delivery.
   */
  readonly prepare: (delivery: Delivery) => T | undefined;
  /** A target that every batch depends on, in addition to the target of its key. Default: none. */
  readonly sharedTarget?: string;
  /** Called once per stream with a live view of the failing targets and the batches. */
  readonly onFailingTargets?: (failing: FailingTargetsView) => void;
  /** The source's credit: when it is used up, the fullest batch leaves early. */
  readonly credit: Credit;
  readonly onFlush?: (batch: Batch<T>) => void;
  readonly scheduler?: SchedulerLike;
}

/** The share of all credit that a batch must hold to leave under pressure while other batches are in flight. */
const WORTH_PRESSING = 0.25;

/**
 * A batch in flight, linked in a list: in a Set, V8 would retain settled batches until the next full collection (see
 * `LinkedList`).
 */
class BatchOut<T extends BatchItem> implements Linked<BatchOut<T>> {
  readonly batch: Batch<T>;
  /** The effect's subscription. Created before `subscribe`, because the effect may complete synchronously. */
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
 * Groups deliveries into batches and runs `effect` for each. At most `concurrency` run at a time, and only as many as
 * the effect answers without slowing down. Emits one outcome per delivery; batches finish in any order.
 *
 * A batch leaves when a slot is free and it is full (`maxCount`, `maxBytes`), old (`maxAgeMs`), displaced by another
 * (`maxOpen`), the fullest while credit is used up (`pressure`), or the source has completed. Under pressure, small
 * batches wait for another one to return. The source's credit bounds what is held.
 *
 * A paused batch holds no slot, so a failing target delays only its own batches. If messages can wait at their source
 * (`mayPostpone`), a failing target keeps at most half of the credit. The rest goes back to the source for as long as
 * the target has been failing, at least 1 s and at most 10 s.
 *
 * The effect emits once, with one result per item, in order. If it emits nothing or a different number, all items go
 * back; if it fails with a PoisonError, all are dead-lettered. A nack of a serial key also returns the items waiting
 * behind it, and deliveries out of turn go back on arrival. Only a FatalError ends the stream. Unsubscribing aborts the
 * effects without settling anything.
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
      const batcher = new Batcher<T>(options.limits, (key) => failing.isBlocked(key));
      const limit = new AdaptiveLimit(concurrency);
      /** Batches that have left and are not done. */
      const out = new LinkedList<BatchOut<T>>();
      let messagesOut = 0;
      /** Batches that hold a slot. */
      let inProgress = 0;
      /** Paused batches. */
      let paused = 0;
      /** Paused batches that wait for a slot, in order. */
      const resuming = new Set<() => void>();
      options.onFailingTargets?.({
        get entries() {
          return failing.entries;
        },
        get batches() {
          return {
            open: batcher.openCount,
            maxOpen: options.limits.maxOpen,
            sealed: batcher.sealedCount,
            inProgress,
            slots: limit.value,
          };
        },
      });
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
          // A few open batches are worth waiting for: they grow, and need fewer requests.
          const isWorthWaiting = batcher.sealedCount === 0 && batcher.openCount < limit.value;
          // Once the batches in flight hold half of the credit, more of them would only use up the rest.
          const hasCredit = messagesOut < share.maxMessages;
          if (!isWorthWaiting && hasCredit) limit.usedUp();
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

      // Deferred by one turn, so that the delivery that took the last credit is already in its batch.
      const checkPressure = (): void => {
        if (pressureCheck !== undefined || batcher.openCount === 0) return;
        pressureCheck = scheduler.schedule(() => {
          pressureCheck = undefined;
          if (credit.starved && mayPress()) dispatch('pressure');
        });
      };

      /**
       * While other batches are in flight, a small batch waits for one to return or for its own age: returned credit
       * makes it larger. Otherwise batches would keep shrinking. If more batches are open than the limit allows, the
       * fullest may leave, because waiting would leave slots unused.
       */
      const mayPress = (): boolean =>
        inProgress === 0 ||
        batcher.openCount >= limit.value ||
        batcher.fullestCount >= credit.limits.maxMessages * WORTH_PRESSING;

      /** Returns the deliveries behind a returned delivery of a serial key, which they would otherwise overtake. */
      const returnFollowers = (key: PartitionKey, error: Error): void => {
        if (!key.isSerial) return;
        for (const { delivery } of batcher.drain(key)) subscriber.next(failed(delivery, error));
      };

      function* held(): Generator<T> {
        yield* batcher.waiting();
        for (const { batch } of out) yield* batch.items;
      }

      const postpone = (deliveries: readonly Delivery[], target: string): void => {
        const afterMs = failing.postponeMs(target);
        const error = new RetryableError(`${target} is failing, and holds its share of the messages in flight`);
        for (const delivery of deliveries) subscriber.next(postponed(delivery, error, afterMs));
      };

      const mayPostpone = (items: readonly T[]): boolean => items.every(({ delivery }) => delivery.mayPostpone);

      /** Returns batches that have not left, while their target exceeds its share. */
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
            if (error !== undefined && !(error instanceof PoisonError)) returnFollowers(batch.key, error);
            subscriber.next(error === undefined ? accepted(delivery) : failed(delivery, error));
          });
        };
        const failAll = (error: Error): void => settleAll(batch.items.map(() => error));
        const finish = (error: Error): void => {
          if (error instanceof FatalError) {
            subscriber.error(error);
            return;
          }
          // Unblocks first: returned items make room for batches that may pause next.
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
        /**
         * Keeps one batch of a failing target for retries, and returns the others while the target exceeds its share.
         */
        const postponeExcess = (target: string): void => {
          if (!failing.exceedsShare(target)) return;
          giveBackExcess(target);
          const isAlone = ![...out].some((other) => other !== current && failing.isOf(target, other.batch));
          if (isSettled || isAlone || !failing.exceedsShare(target) || !mayPostpone(batch.items)) return;
          current.subscription.unsubscribe();
          isSettled = true;
          failing.remove(batch.items);
          returnFollowers(batch.key, OUT_OF_TURN);
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
              else failAll(new Error(`the sink returned ${results.length} results for ${batch.items.length} messages`));
            },
            error: (thrown) => finish(toError(thrown)),
            complete: () => {
              if (isFirstTry) limit.answered(now(), now() - startedAt);
              // After results, this only completes: the batch is settled.
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
          const targetOverShare = failing.admit(item);
          if (targetOverShare !== undefined) postpone([delivery], targetOverShare);
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
