import type { Bucket } from '@google-cloud/storage';
import { Subscription } from 'rxjs';
import type { DeliveryContext } from '../core/delivery.ts';
import type { PoisonError } from '../core/errors.ts';
import type { Original } from '../core/message.ts';
import type { Probe } from '../core/probe.ts';
import { Attempts } from './attempts.ts';
import type { DeadLettersConfig } from './config.ts';
import { DeadLetterBucket } from './dead-letter-bucket.ts';
import { DeadLetterPublisher, type DeadLetterPublisherOptions, type Poisoned } from './dead-letter-publisher.ts';
import { type DeadLetterMarks, toDeadLetterMessage, toPointerMessage } from './write-dead-letter.ts';

/** A dead-lettered message, and why. */
export interface DeadLetterEvent {
  readonly poison: PoisonError;
  /** Of the dead letter. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Of the original. */
  readonly data: Uint8Array;
}

export interface DeadLettersOptions extends Omit<DeadLetterPublisherOptions, 'topicId'> {
  readonly service: string;
  /** Undefined without a dead-letter topic: poisoned messages then go back to their source. */
  readonly config: DeadLettersConfig | undefined;
  /** Returns the source of a message: `projects/p/subscriptions/s`, or `mqtt:<topic>`. */
  readonly sourceOf: (original: Original) => string;
  /** Stores originals that do not fit into a dead letter. Without it, they are truncated. */
  readonly bucket: Bucket | undefined;
  readonly probe: Probe<DeadLetterEvent>;
}

/**
 * Publishes poisoned messages in their original form, with the reasons as attributes (see `toDeadLetterMessage`).
 * Retries forever: a message keeps its credit until its dead letter is safe. With `maxAttempts`, a failure that can be
 * fixed first returns to its source, that many times minus one.
 *
 * An original that does not fit into a dead letter is written to the bucket first, and the dead letter points to it.
 * Without a bucket, it is truncated. A source abandons its messages together: unsubscribing from one abandons every
 * dead letter.
 */
export function deadLetters(options: DeadLettersOptions): DeliveryContext['deadLetter'] {
  const { service, config, sourceOf, telemetry, probe } = options;
  if (config === undefined) {
    telemetry.event('dead_letter.unconfigured');
    return (_, poison, { onRefused }) => {
      telemetry.event('dead_letter.refused', { reason: poison.reason, error: poison.message });
      onRefused();
      return undefined;
    };
  }
  const attempts = new Attempts(config.maxAttempts ?? 1);
  const publisher = new DeadLetterPublisher({ ...options, topicId: config.topicId });
  const bucket = options.bucket && new DeadLetterBucket({ ...options, bucket: options.bucket });
  const abort = (): void => {
    bucket?.abort();
    publisher.abort();
  };
  return (ackHandle, poison, { onPublished, onRefused }): Subscription | undefined => {
    const { original } = ackHandle;
    const failure = { service, reason: poison.reason, error: poison.message };
    const { attempt, isLast } = attempts.failed(original.messageId, poison.reason);
    if (!isLast) {
      telemetry.event('dead_letter.postponed', { ...failure, attempt, maxAttempts: config.maxAttempts });
      onRefused();
      return undefined;
    }
    const marks: DeadLetterMarks = { ...failure, attempt, source: sourceOf(original), time: new Date() };
    const poisoned: Poisoned = {
      ackHandle,
      poison,
      onPublished: ({ attributes }) => {
        probe.hit({ poison, attributes, data: original.data });
        onPublished();
      },
      onRefused,
    };
    const { message, isWhole } = toDeadLetterMessage(original, marks);
    if (isWhole || bucket === undefined) publisher.publish(message, poisoned);
    else
      bucket.store(poisoned, marks.time, (object) =>
        publisher.publish(toPointerMessage(object, original, marks), poisoned),
      );
    return new Subscription(abort);
  };
}
