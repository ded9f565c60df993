import * as v from 'valibot';

/** https://cloud.google.com/pubsub/docs/exactly-once-delivery: what an ErrorInfo says of each ack id that failed. */
const errorWithInfo = v.object({ errorInfoMetadata: v.record(v.string(), v.string()) });

const TRANSIENT = 'TRANSIENT_';
const PERMANENT = 'PERMANENT_';

/** Ack ids of one call that failed though others of it succeeded. */
export interface AckFailures {
  /** Worth another try. */
  readonly transient: ReadonlySet<string>;
  /** Their leases were over: these messages are delivered again. */
  readonly permanent: ReadonlySet<string>;
}

/**
 * Which ack ids an acknowledge or modifyAckDeadline call has failed for, on a subscription with exactly-once delivery;
 * those it does not name have succeeded. Undefined if the error is of another kind: then the call failed as a whole.
 */
export function ackFailures(thrown: unknown, ackIds: readonly string[]): AckFailures | undefined {
  if (!v.is(errorWithInfo, thrown)) return undefined;
  const { errorInfoMetadata } = thrown;
  const named = (prefix: string) => new Set(ackIds.filter((ackId) => errorInfoMetadata[ackId]?.startsWith(prefix)));
  const transient = named(TRANSIENT);
  const permanent = named(PERMANENT);
  return transient.size + permanent.size === 0 ? undefined : { transient, permanent };
}
