import type { ColumnTrace } from '../../connectors/bigquery/row-trace.ts';
import type { Attributes, Message, Original } from '../../core/message.ts';
import { attemptsOf } from '../../dead-letters/attempts.ts';
import type { DeadLettersConfig } from '../../dead-letters/config.ts';
import { toDeadLetterMessage } from '../../dead-letters/write-dead-letter.ts';
import type { ServiceName } from '../../services/services.ts';
import { utf8Text } from '../../util/bytes.ts';
import type { Ended } from './try-out.ts';

/** A message as a source brings it. */
export interface Arrival {
  readonly data: Buffer;
  /** Pub/Sub's attributes; for MQTT 5, user properties. */
  readonly attributes: Attributes;
  /** The MQTT topic. */
  readonly topic?: string | undefined;
  readonly retained: boolean;
  readonly orderingKey: string;
  /** The looked-up data; null for a key without data, undefined where it is not known. */
  readonly lookup?: Readonly<Record<string, unknown>> | null | undefined;
  /** True to take the data as it is, also where an envelope is expected and it is none. */
  readonly asIs: boolean;
}

export type OutcomeKind =
  | 'published'
  | 'archived'
  | 'inserted'
  /** BigQuery refuses the row, and the message becomes a dead letter. */
  | 'refused'
  | 'deadLettered'
  | 'dropped'
  | 'waits'
  | 'goesBack'
  /** No earlier pipeline publishes the message to the topic of this one. */
  | 'notReached';

/** The way of one message through one pipeline. Parts that it does not come to are left out. */
export interface Explanation {
  readonly pipeline: string;
  readonly service: ServiceName;
  readonly outcome: OutcomeKind;
  /** The reason for an end before the target. */
  readonly error?: string;
  readonly message?: ShownMessage;
  readonly route?: ExplainedRoute;
  readonly lookup?: ExplainedLookup;
  readonly published?: Published;
  readonly archived?: Archived;
  readonly row?: ExplainedRow;
  readonly deadLetter?: ExplainedDeadLetter;
  readonly notes: readonly string[];
}

export interface ShownMessage {
  readonly id: string;
  readonly publishTime: string;
  readonly attributes: Attributes;
  readonly enrichmentData: unknown;
  readonly payloadBytes: number;
  /** The payload, if it is UTF-8. */
  readonly payload?: string;
  /** The insertId of its row, which is made of what identifies the message. */
  readonly identity: string;
}

export interface ExplainedRoute {
  readonly name: string;
  readonly filter: string;
  readonly producer: string;
  /** The device's data that the topic holds. */
  readonly device: unknown;
}

export interface ExplainedLookup {
  readonly key: string | undefined;
  /** The path that led to it, or the hook. */
  readonly from: string | undefined;
  /** The places that it is looked up in, in order. */
  readonly places: readonly { readonly layer: string; readonly place: string }[];
  /** The data that it was assumed to find; null for none. */
  readonly data?: unknown;
}

export interface Published {
  readonly topic: string;
  readonly orderingKey: string;
  readonly attributes: Attributes;
  /** The data: an envelope. */
  readonly envelope: string;
  readonly bytes: number;
}

export interface Archived {
  readonly batchKey: string;
  /** The name that an object with this message alone would have. */
  readonly object: string;
  readonly line: string;
}

export interface ExplainedRow {
  readonly table: string;
  readonly insertId?: string;
  readonly json?: Readonly<Record<string, unknown>>;
  readonly columns: readonly ColumnTrace[];
  /** Members of the payload that no column reads. */
  readonly unread: readonly string[];
  /** Reasons for which BigQuery refuses it. */
  readonly problems: readonly string[];
}

export interface ExplainedDeadLetter {
  /** Undefined without `deadLetters`: the message goes back, and comes again. */
  readonly topic?: string;
  readonly reason: string;
  readonly error: string;
  /** The failure after which it is given up; before that it goes back and comes again. */
  readonly attempt?: number;
  readonly attributes?: Attributes;
}

/** A message for people. */
export function shownMessage(message: Message, identity: string): ShownMessage {
  const text = utf8Text(message.payload);
  return {
    id: message.id,
    publishTime: message.publishTime,
    attributes: { ...message.attributes },
    enrichmentData: message.enrichmentData,
    payloadBytes: message.payload.byteLength,
    ...(text === undefined ? {} : { payload: text }),
    identity,
  };
}

/** The service that gives a message up, and where that came from. */
interface GivenUpBy {
  readonly service: string;
  readonly google: { readonly projectId: string };
  /** `projects/p/subscriptions/s`, or `mqtt:<topic>`. */
  readonly source: string;
  readonly deadLetters?: DeadLettersConfig | undefined;
}

/** Outcomes that are the same for every service: all but what the sink takes. */
export function otherEnd(
  ended: Exclude<Ended<unknown>, { kind: 'taken' }>,
  original: Original,
  { service, google: { projectId }, source, deadLetters }: GivenUpBy,
): Pick<Explanation, 'outcome' | 'error' | 'deadLetter'> {
  if (ended.kind !== 'deadLettered') {
    return 'error' in ended ? { outcome: ended.kind, error: ended.error } : { outcome: ended.kind };
  }
  const { reason, message: error } = ended.poison;
  if (deadLetters === undefined) return { outcome: 'deadLettered', error, deadLetter: { reason, error } };
  const attempt = attemptsOf(reason, deadLetters.maxAttempts ?? 1);
  const marks = { service, reason, error, attempt, source, time: new Date() };
  const { attributes } = toDeadLetterMessage(original, marks).message;
  const topic = `projects/${projectId}/topics/${deadLetters.topicId}`;
  return { outcome: 'deadLettered', error, deadLetter: { topic, reason, error, attempt, attributes } };
}
