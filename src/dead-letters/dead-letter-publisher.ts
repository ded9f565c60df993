import { type SchedulerLike, Subject, Subscription } from 'rxjs';
import * as v from 'valibot';
import { publishSchema } from '../connectors/pubsub/config.ts';
import type { Publisher } from '../connectors/pubsub/publisher.ts';
import { pubsubSink } from '../connectors/pubsub/sink.ts';
import { type AckHandle, Delivery, type Outcome } from '../core/delivery.ts';
import type { PoisonError } from '../core/errors.ts';
import type { Readiness } from '../core/readiness.ts';
import { byCredit } from '../operators/by-credit.ts';
import type { FailingTargetsView } from '../operators/failing-targets.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { monotonicScheduler } from '../util/clock.ts';
import type { DeadLetterMessage } from './write-dead-letter.ts';

/** One poisoned message to be published as a dead letter. */
export interface Poisoned {
  readonly ackHandle: AckHandle;
  readonly poison: PoisonError;
  readonly onPublished: (deadLetter: DeadLetterMessage) => void;
  /** Called to have its source deliver it again, no sooner than `afterMs` from now. */
  readonly onRefused: (afterMs: number) => void;
}

interface Pending extends Poisoned {
  readonly deadLetter: DeadLetterMessage;
  refusals: number;
}

export interface DeadLetterPublisherOptions {
  readonly topicId: string;
  readonly publisher: Publisher;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly onFailingTargets: (failing: FailingTargetsView, credit: AckHandle['context']['credit']) => void;
  readonly scheduler?: SchedulerLike;
}

/** Bounds of the doubling wait before a refused dead letter is retried. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/**
 * Publishes dead letters in batches like any message, but separately from the graph, which does not wait for them.
 *
 * Retries outages forever. Also retries refused dead letters, and is red meanwhile: a dead letter is built to fit.
 * While the topic fails, dead letters hold at most half of the credit if messages can wait at their source.
 */
export class DeadLetterPublisher {
  readonly #options: DeadLetterPublisherOptions;
  readonly #scheduler: SchedulerLike;
  readonly #deadLetters = new Subject<Delivery>();
  readonly #pending = new Map<Delivery, Pending>();
  readonly #running = new Subscription();

  constructor(options: DeadLetterPublisherOptions) {
    const { topicId, publisher, telemetry, readiness, onFailingTargets, scheduler } = options;
    this.#options = options;
    this.#scheduler = scheduler ?? monotonicScheduler;
    const publish = byCredit((credit) =>
      pubsubSink({
        publisher,
        config: v.parse(publishSchema, {}),
        credit,
        telemetry,
        toTarget: ({ message: { payload, attributes } }) => ({
          topicId,
          message: { data: payload, attributes, orderingKey: '' },
        }),
        onFailingTargets: (failing) => onFailingTargets(failing, credit),
        ...(scheduler === undefined ? {} : { scheduler }),
      }),
    );
    this.#running.add(
      this.#deadLetters.pipe(publish).subscribe({
        next: (outcome) => this.#settle(outcome),
        error: (error: Error) => readiness.set('dead_letters', 'failing', `publishing ended: ${error.message}`),
      }),
    );
  }

  publish(deadLetter: DeadLetterMessage, poisoned: Poisoned): void {
    const { data: payload, attributes } = deadLetter;
    const message = { id: '', payload, publishTime: '', attributes, enrichmentData: {} };
    const delivery = new Delivery(message, poisoned.ackHandle);
    this.#pending.set(delivery, { ...poisoned, deadLetter, refusals: 0 });
    this.#deadLetters.next(delivery);
  }

  /** Abandons unpublished dead letters. Those in flight may still arrive. */
  abort(): void {
    this.#running.unsubscribe();
    this.#pending.clear();
  }

  #settle(outcome: Outcome): void {
    const { delivery } = outcome;
    const pending = this.#pending.get(delivery);
    if (pending === undefined) return;
    const { deadLetter, poison, ackHandle, onPublished, onRefused } = pending;
    const { telemetry, readiness, topicId } = this.#options;
    if (outcome.verdict === 'ack') {
      this.#pending.delete(delivery);
      readiness.set('dead_letters', 'ok');
      telemetry.event('dead_letter.published', { reason: poison.reason, error: poison.message, topic: topicId });
      onPublished(deadLetter);
    } else if (outcome.verdict === 'nack' && (ackHandle.mayPostpone || ackHandle.isOutOfTurn)) {
      this.#pending.delete(delivery);
      telemetry.event('dead_letter.given_back', { reason: poison.reason, error: outcome.error.message });
      onRefused(outcome.afterMs ?? 0);
    } else {
      this.#tryAgain(delivery, pending, outcome);
    }
  }

  #tryAgain(delivery: Delivery, pending: Pending, outcome: Outcome): void {
    const { telemetry, readiness } = this.#options;
    const refusal = outcome.verdict === 'deadLetter' ? outcome.poison.message : 'it went back';
    const waitMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** pending.refusals) * (0.5 + Math.random() / 2);
    pending.refusals += 1;
    telemetry.event('dead_letter.retried', { reason: pending.poison.reason, error: refusal });
    readiness.set('dead_letters', 'failing', `a dead letter cannot be published: ${refusal}`);
    this.#running.add(this.#scheduler.schedule(() => this.#deadLetters.next(delivery), waitMs));
  }
}
