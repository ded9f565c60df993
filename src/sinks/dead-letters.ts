import {
  mergeMap,
  type Observable,
  ReplaySubject,
  type SchedulerLike,
  Subject,
  Subscription,
  switchMap,
  takeUntil,
  tap,
} from 'rxjs';
import type { Desk } from '../core/delivery.ts';
import { type PoisonError, RetryableError } from '../core/errors.ts';
import type { Original } from '../core/message.ts';
import type { Probe } from '../core/probe.ts';
import type { Readiness } from '../core/readiness.ts';
import { retryWithBackoff } from '../operators/retry-with-backoff.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type OutgoingMessage, PUBSUB_LIMITS } from './pubsub/limits.ts';
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
  readonly readiness: Readiness;
  readonly probe: Probe<DeadLetter>;
  readonly scheduler?: SchedulerLike;
}

/** Dead letters on their way at one time. Those that wait are bounded by credit, which each keeps. */
const CONCURRENCY = 16;
/** Of the original's data: what is beyond does not fit into a request beside the attributes. */
const MAX_DATA_BYTES = 9_000_000;
const RETRY = { initialDelayMs: 1_000, maxDelayMs: 30_000, giveUpAfterMs: Number.POSITIVE_INFINITY };

/**
 * Publishes poisoned messages as they came: original data and attributes, plus `dlq_service`, `dlq_reason`,
 * `dlq_error` and `dlq_time`. Tries for ever: until a dead letter is safe, its message keeps its credit.
 *
 * What Pub/Sub would refuse is made to fit: data beyond 9 MB is cut (`dlq_truncated`, `dlq_original_bytes`), attributes
 * beyond its limits are left out or cut.
 */
export function deadLetters(options: DeadLettersOptions): Desk['bury'] {
  const { topicId, telemetry } = options;
  if (topicId === undefined) {
    telemetry.event('dead_letter.unconfigured');
    return (_, poison, { onRefused }) => {
      telemetry.event('dead_letter.refused', { reason: poison.reason, error: poison.message });
      onRefused();
      return undefined;
    };
  }
  const burials = new Subject<Observable<unknown>>();
  burials.pipe(mergeMap((burial) => burial, CONCURRENCY)).subscribe();
  const publishing = publishUntilSafe(options, topicId);
  return (original, poison, { onPublished }): Subscription => {
    const givenUp = new ReplaySubject<void>(1);
    burials.next(
      publishing(original, poison).pipe(
        tap((letter) => {
          options.probe.hit(letter);
          onPublished();
        }),
        takeUntil(givenUp),
      ),
    );
    return new Subscription(() => givenUp.next());
  };
}

function publishUntilSafe(
  { service, publisher, telemetry, readiness, scheduler }: DeadLettersOptions,
  topicId: string,
): (original: Original, poison: PoisonError) => Observable<DeadLetter> {
  return (original, poison) => {
    const message = letterOf(original, {
      dlq_service: service,
      dlq_reason: poison.reason,
      dlq_error: clipped(poison.message),
      dlq_time: new Date().toISOString(),
    });
    return publisher.publish(topicId, [message]).pipe(
      switchMap(([error]) => {
        if (error !== undefined) {
          telemetry.event('dead_letter.retried', { reason: poison.reason, error: error.message });
          readiness.set('dead_letters', 'failing', `a dead letter cannot be published: ${error.message}`);
          throw new RetryableError(error.message, { cause: error });
        }
        readiness.set('dead_letters', 'ok');
        telemetry.event('dead_letter.published', { reason: poison.reason, error: poison.message, topic: topicId });
        return [{ poison, attributes: message.attributes }];
      }),
      retryWithBackoff(RETRY, scheduler === undefined ? {} : { scheduler }),
    );
  };
}

function letterOf(original: Original, marks: Readonly<Record<string, string>>): OutgoingMessage {
  const { data } = original;
  const truncated = data.byteLength > MAX_DATA_BYTES;
  const added = truncated ? { ...marks, dlq_truncated: 'true', dlq_original_bytes: String(data.byteLength) } : marks;
  return {
    data: truncated ? data.subarray(0, MAX_DATA_BYTES) : data,
    attributes: { ...fitting(original.attributes, Object.keys(added).length), ...added },
    orderingKey: '',
  };
}

/** As many bytes of a text as an attribute may hold. */
function clipped(value: string): string {
  const wellFormed = value.toWellFormed();
  const bytes = Buffer.from(wellFormed);
  if (bytes.byteLength <= PUBSUB_LIMITS.attributeValueBytes) return wellFormed;
  return bytes
    .subarray(0, PUBSUB_LIMITS.attributeValueBytes - 3)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
}

/** Those of the original's attributes that Pub/Sub takes beside our own. */
function fitting(attributes: Readonly<Record<string, string>>, reserved: number): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(
        ([name]) =>
          name !== '' && !name.startsWith('goog') && Buffer.byteLength(name) <= PUBSUB_LIMITS.attributeKeyBytes,
      )
      .slice(0, PUBSUB_LIMITS.attributes - reserved)
      .map(([name, value]) => [name, clipped(value)]),
  );
}
