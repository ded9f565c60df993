import { type SchedulerLike, type Subscription, switchMap, throwError } from 'rxjs';
import type { Desk } from '../core/delivery.ts';
import { type PoisonError, RetryableError } from '../core/errors.ts';
import type { Probe } from '../core/probe.ts';
import { retryWithBackoff } from '../operators/retry-with-backoff.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { PUBSUB_LIMITS } from './pubsub/limits.ts';
import type { Publisher } from './pubsub/publisher.ts';

/** A message that went to dead-letter, and why. */
export interface DeadLetter {
  readonly poison: PoisonError;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface DeadLettersOptions {
  readonly service: string;
  /** Undefined: there is no dead-letter topic, and poisoned messages go back to their source. */
  readonly topicId: string | undefined;
  readonly publisher: Publisher;
  readonly telemetry: Telemetry;
  readonly probe: Probe<DeadLetter>;
  readonly scheduler?: SchedulerLike;
}

/**
 * Publishes poisoned messages as they came: original data and attributes, plus `dlq_service`, `dlq_reason`,
 * `dlq_error` and `dlq_time`. Tries for ever: until a dead letter is safe, its message keeps its credit.
 */
export function deadLetters(options: DeadLettersOptions): Desk['bury'] {
  const { topicId, publisher, telemetry, service, probe } = options;
  return (original, poison, { onPublished, onRefused }): Subscription | undefined => {
    if (topicId === undefined) {
      telemetry.event('dead_letter.refused', { reason: poison.reason, error: poison.message });
      onRefused();
      return undefined;
    }
    const marks = {
      dlq_service: service,
      dlq_reason: poison.reason,
      dlq_error: clipped(poison.message),
      dlq_time: new Date().toISOString(),
    };
    const attributes = { ...clippedAttributes(original.attributes, Object.keys(marks).length), ...marks };
    return publisher
      .publish(topicId, [{ data: original.data, attributes, orderingKey: '' }])
      .pipe(
        switchMap(([error]) => {
          if (error === undefined) return [undefined];
          telemetry.event('dead_letter.retried', { reason: poison.reason, error: error.message });
          return throwError(() => new RetryableError(error.message, { cause: error }));
        }),
        retryWithBackoff(
          { initialDelayMs: 1_000, maxDelayMs: 30_000, giveUpAfterMs: Number.POSITIVE_INFINITY },
          options.scheduler === undefined ? {} : { scheduler: options.scheduler },
        ),
      )
      .subscribe(() => {
        telemetry.event('dead_letter.published', { reason: poison.reason, error: poison.message, topic: topicId });
        probe.hit({ poison, attributes });
        onPublished();
      });
  };
}

/** As many bytes of a text as an attribute may hold. */
function clipped(value: string): string {
  if (Buffer.byteLength(value) <= PUBSUB_LIMITS.attributeValueBytes) return value;
  return new TextDecoder()
    .decode(Buffer.from(value).subarray(0, PUBSUB_LIMITS.attributeValueBytes - 3))
    .replace(/\uFFFD$/, '');
}

/** The original's attributes, as many as Pub/Sub takes beside our own. */
function clippedAttributes(attributes: Readonly<Record<string, string>>, reserved: number): Record<string, string> {
  const kept = Object.entries(attributes).slice(0, PUBSUB_LIMITS.attributes - reserved);
  return Object.fromEntries(kept.map(([name, value]) => [name, clipped(value)]));
}
