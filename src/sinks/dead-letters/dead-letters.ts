import type { Bucket } from '@google-cloud/storage';
import {
  defer,
  map,
  mergeMap,
  type Observable,
  of,
  ReplaySubject,
  type SchedulerLike,
  Subject,
  Subscription,
  switchMap,
  takeUntil,
  tap,
} from 'rxjs';
import type { Desk } from '../../core/delivery.ts';
import { type PoisonError, RetryableError } from '../../core/errors.ts';
import type { Original } from '../../core/message.ts';
import type { Probe } from '../../core/probe.ts';
import type { Readiness } from '../../core/readiness.ts';
import { retryWithBackoff } from '../../operators/retry-with-backoff.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Publisher } from '../pubsub/publisher.ts';
import { Attempts } from './attempts.ts';
import type { DeadLettersConfig } from './config.ts';
import { type Letter, type LetterMarks, letterOf, pointerTo } from './letter.ts';
import { letterBucket } from './letter-bucket.ts';

/** A message that went to dead-letter, and why. */
export interface DeadLetter {
  readonly poison: PoisonError;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface DeadLettersOptions {
  readonly service: string;
  /** Undefined: there is no dead-letter topic, and poisoned messages go back to their source. */
  readonly config: DeadLettersConfig | undefined;
  /** Where a message came from: `projects/p/subscriptions/s`, or `mqtt:<topic>`. */
  readonly sourceOf: (original: Original) => string;
  readonly publisher: Publisher;
  /** For originals that do not fit into a letter; without it they are cut. */
  readonly bucket: Bucket | undefined;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly probe: Probe<DeadLetter>;
  readonly scheduler?: SchedulerLike;
}

/** Dead letters on their way at one time. Those that wait are bounded by credit, which each keeps. */
const CONCURRENCY = 16;
const RETRY = { initialDelayMs: 1_000, maxDelayMs: 30_000, giveUpAfterMs: Number.POSITIVE_INFINITY };

/**
 * Publishes poisoned messages as they came, with why they were given up beside them (see `letterOf`). Tries for ever:
 * until a dead letter is safe, its message keeps its credit. With `maxAttempts` a failure that can be mended goes back
 * to its source first, so many times less one.
 *
 * An original that does not fit into a letter is written to the bucket first, and the letter points to it; without a
 * bucket it is cut.
 */
export function deadLetters(options: DeadLettersOptions): Desk['bury'] {
  const { service, config, sourceOf, telemetry } = options;
  if (config === undefined) {
    telemetry.event('dead_letter.unconfigured');
    return (_, poison, { onRefused }) => {
      telemetry.event('dead_letter.refused', { reason: poison.reason, error: poison.message });
      onRefused();
      return undefined;
    };
  }
  const attempts = new Attempts(config.maxAttempts ?? 1);
  const burials = new Subject<Observable<unknown>>();
  burials.pipe(mergeMap((burial) => burial, CONCURRENCY)).subscribe();
  const writing = letterWriter(options);
  const publishing = publishUntilSafe(options, config.topicId);
  return (original, poison, { onPublished, onRefused }): Subscription | undefined => {
    const marks = { service, reason: poison.reason, error: poison.message };
    const { attempt, isLast } = attempts.failed(original.messageId, poison.reason);
    if (!isLast) {
      telemetry.event('dead_letter.postponed', { ...marks, attempt, maxAttempts: config.maxAttempts });
      onRefused();
      return undefined;
    }
    const givenUp = new ReplaySubject<void>(1);
    burials.next(
      writing(original, { ...marks, attempt, source: sourceOf(original), time: new Date() }).pipe(
        switchMap((letter) => publishing(letter, poison)),
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

/** Makes letters; one whose original does not fit is emitted once that is safe in the bucket. */
function letterWriter(options: DeadLettersOptions): (original: Original, marks: LetterMarks) => Observable<Letter> {
  const { bucket } = options;
  const store = bucket && letterBucket({ ...options, bucket, retry: RETRY });
  return (original, marks) =>
    defer(() => {
      const { message, isWhole } = letterOf(original, marks);
      if (isWhole || store === undefined) return of(message);
      return store(original, marks.time).pipe(map((object) => pointerTo(object, original, marks)));
    });
}

function publishUntilSafe(
  { publisher, telemetry, readiness, scheduler }: DeadLettersOptions,
  topicId: string,
): (letter: Letter, poison: PoisonError) => Observable<DeadLetter> {
  return (letter, poison) =>
    publisher.publish(topicId, [letter]).pipe(
      switchMap(([error]) => {
        if (error !== undefined) {
          telemetry.event('dead_letter.retried', { reason: poison.reason, error: error.message });
          readiness.set('dead_letters', 'failing', `a dead letter cannot be published: ${error.message}`);
          throw new RetryableError(error.message, { cause: error });
        }
        readiness.set('dead_letters', 'ok');
        telemetry.event('dead_letter.published', { reason: poison.reason, error: poison.message, topic: topicId });
        return [{ poison, attributes: letter.attributes }];
      }),
      retryWithBackoff(RETRY, scheduler === undefined ? {} : { scheduler }),
    );
}
