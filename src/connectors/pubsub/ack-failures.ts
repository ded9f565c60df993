import * as v from 'valibot';

/** ErrorInfo of each failed ack id: https://cloud.google.com/pubsub/docs/exactly-once-delivery */
const errorWithInfo = v.object({ errorInfoMetadata: v.record(v.string(), v.string()) });

const TRANSIENT = 'TRANSIENT_';
const PERMANENT = 'PERMANENT_';

/** The failed ack ids of a call that succeeded for others. */
export interface AckFailures {
  /** Worth retrying. */
  readonly transient: ReadonlySet<string>;
  /** Their leases ended: Pub/Sub delivers these messages again. */
  readonly permanent: ReadonlySet<string>;
}

/**
 * Returns the ack ids that failed in an acknowledge or modifyAckDeadline call with exactly-once delivery; the ids that
 * the error does not name succeeded. Returns undefined for any other error: the whole call failed then.
 */
export function ackFailures(thrown: unknown, ackIds: readonly string[]): AckFailures | undefined {
  if (!v.is(errorWithInfo, thrown)) return undefined;
  const { errorInfoMetadata } = thrown;
  const named = (prefix: string) => new Set(ackIds.filter((ackId) => errorInfoMetadata[ackId]?.startsWith(prefix)));
  const transient = named(TRANSIENT);
  const permanent = named(PERMANENT);
  return transient.size + permanent.size === 0 ? undefined : { transient, permanent };
}
