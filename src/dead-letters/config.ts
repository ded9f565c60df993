import * as v from 'valibot';
import { count, setting, text } from '../config/schemas.ts';

const entries = {
  topicId: setting(
    text,
    'Short name of the topic for dead letters. Without `deadLetters`, a poisoned message goes back to its ' +
      'subscription and comes again; ingestion needs the setting.',
    { example: 'my-dead-letters' },
  ),
  subscriptionId: setting(
    v.optional(text),
    'Short name of the subscription in which dead letters wait for the commands `dead-letters`. It must exist ' +
      'at start.',
    { example: 'my-dead-letters', unset: 'the only subscription of the topic' },
  ),
  bucket: setting(
    v.optional(text),
    'Bucket for originals that do not fit into a dead letter: more than 9 MB, or attributes beyond the limits ' +
      'of Pub/Sub. It must exist at start.',
    { example: 'my-dead-letters', unset: 'none: such originals are cut, and marked `dlq_truncated`' },
  ),
};

/** Dead-letter settings of the services that consume Pub/Sub. */
export const deadLettersSchema = v.strictObject({
  ...entries,
  maxAttempts: setting(
    v.optional(count({ max: 100 }), 1),
    'Failures of a message by itself until it is dead-lettered. Before that it goes back, comes again by the ' +
      'retry policy of the subscription, and later messages of its ordering key pass it. Only `hook_failed`, ' +
      '`rejected`, `no_data` and `internal` are tried again. Outages never count. The process counts, for the last ' +
      '100,000 messages that failed.',
  ),
});

/** Dead-letter settings for MQTT, which cannot return a message and thus allows no further attempts. */
export const mqttDeadLettersSchema = v.strictObject({
  ...entries,
  maxAttempts: v.optional(
    v.custom<never>(
      () => false,
      'ingestion has no such setting: MQTT cannot give a message back, so a poisoned one goes to dead-letter at once',
    ),
  ),
});

/** The settings that both have in common. */
export interface DeadLettersConfig {
  readonly topicId: string;
  readonly subscriptionId?: string | undefined;
  readonly bucket?: string | undefined;
  readonly maxAttempts?: number | undefined;
}
