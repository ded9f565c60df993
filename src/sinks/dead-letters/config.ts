import * as v from 'valibot';
import { count, text } from '../../config/schemas.ts';

const entries = {
  /** Short name of a topic in `google.projectId`. */
  topicId: text,
  /**
   * Short name of the subscription in which dead letters wait: what the commands `dead-letters …` read. It must exist
   * at start. Without it the commands take the topic's only subscription.
   */
  subscriptionId: v.optional(text),
  /**
   * A bucket for originals that do not fit into a letter: more than 9 MB, or attributes that would have to be cut or
   * left out. It must exist at start. Without it they are cut, and say so (`dlq_truncated`).
   */
  bucket: v.optional(text),
};

/** Where poisoned messages of the services that consume Pub/Sub go, and after how many attempts. */
export const deadLettersSchema = v.strictObject({
  ...entries,
  /**
   * How often a message's own failure may happen before it goes to dead-letter; until then the message goes back, and
   * comes again when the subscription's retry policy says, or at once if it has none. It loses its place: later
   * messages of its ordering key pass it meanwhile.
   *
   * Only for what time or a deployment can mend: `hook_failed`, `rejected`, `no_data` and `internal`; what is
   * `undecodable`, `unroutable`, `too_large` or has `no_key` goes at once. Outages never count. Attempts are counted in
   * the process, for the last 100,000 messages that failed: after a restart the count begins anew.
   */
  maxAttempts: v.optional(count({ max: 100 }), 1),
});

/** The same for MQTT, which has no way to give a message back, and so no further attempts. */
export const mqttDeadLettersSchema = v.strictObject({
  ...entries,
  maxAttempts: v.optional(
    v.custom<never>(
      () => false,
      'ingestion has no such setting: MQTT cannot give a message back, so a poisoned one goes to dead-letter at once',
    ),
  ),
});

/** What both have in common. */
export interface DeadLettersConfig {
  readonly topicId: string;
  readonly subscriptionId?: string | undefined;
  readonly bucket?: string | undefined;
  readonly maxAttempts?: number | undefined;
}
