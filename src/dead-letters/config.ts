import * as v from 'valibot';
import { count, setting, text } from '../config/schemas.ts';

const entries = {
  topicId: setting(
    text,
    'Short name of the topic for dead letters. Without `deadLetters`, a poisoned message goes back to its ' +
      'subscription and is redelivered; ingestion requires the setting.',
    { example: 'my-dead-letters' },
  ),
  subscriptionId: setting(
    v.optional(text),
    'Short name of the subscription that the commands `dead-letters` read. It must exist ' + 'at start.',
    { example: 'my-dead-letters', unset: 'the only subscription of the topic' },
  ),
  bucket: setting(
    v.optional(text),
    'Bucket for originals that do not fit into a dead letter: more than 9 MB, or attributes beyond the limits ' +
      'of Pub/Sub. It must exist at start.',
    { example: 'my-dead-letters', unset: 'none: such originals are truncated and marked `dlq_truncated`' },
  ),
};

/** Dead-letter settings of the services that consume Pub/Sub. */
export const deadLettersSchema = v.strictObject({
  ...entries,
  maxAttempts: setting(
    v.optional(count({ max: 100 }), 1),
    'Failures of a message by its own fault until it is dead-lettered. Before that, it goes back and returns by the ' +
      "subscription's retry policy, while later messages of its ordering key pass it. Only `hook_failed`, " +
      '`rejected`, `no_data` and `internal` are retried. Outages never count. The process keeps the count for the last ' +
      '100,000 failed messages.',
  ),
});

/** Dead-letter settings for MQTT, which cannot return a message and thus allows no further attempts. */
export const mqttDeadLettersSchema = v.strictObject({
  ...entries,
  maxAttempts: v.optional(
    v.custom<never>(
      () => false,
      'ingestion has no such setting: MQTT cannot return a message, so a poisoned one is dead-lettered immediately',
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
