import type { ColumnTrace } from '../../connectors/bigquery/row-trace.ts';
import type { Attributes, Message, Original } from '../../core/message.ts';
import { attemptsOf } from '../../dead-letters/attempts.ts';
import type { DeadLettersConfig } from '../../dead-letters/config.ts';
import { toDeadLetterMessage } from '../../dead-letters/write-dead-letter.ts';
import type { ServiceName } from '../../services/services.ts';
import { utf8Text } from '../../util/bytes.ts';
import type { Ended } from './try-out.ts';

/** A message as its source delivers it. */
export interface Arrival {
  readonly data: Buffer;
  /** Pub/Sub's attributes; for MQTT 5, user properties. */
  readonly attributes: Attributes;
  /** The MQTT topic. */
  readonly topic?: string | undefined;
  readonly retained: boolean;
  readonly orderingKey: string;
  /** The looked-up data; null for a key without data, undefined if unknown. */
  readonly lookup?: Readonly<Record<string, unknown>> | null | undefined;
  /** True to use the data unchanged, even if an envelope is expected and it is not one. */
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

/** The path of one message through one pipeline. Parts that it does not reach are omitted. */
export interface Explanation {
  readonly pipeline: string;
  readonly service: ServiceName;
  readonly outcome: OutcomeKind;
  /** Why the message did not reach its target. */
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
  /** The insertId of its row, derived from what identifies the message. */
  readonly identity: string;
}

export interface ExplainedRoute {
  readonly name: string;
  readonly filter: string;
  readonly producer: string;
  /** The device's data from the topic. */
  readonly device: unknown;
}

export interface ExplainedLookup {
  readonly key: string | undefined;
  /** The path or the hook that it came from. */
  readonly from: string | undefined;
  /** The layers that are queried, in order. */
  readonly places: readonly { readonly layer: string; readonly place: string }[];
  /** The assumed result; null for no data. */
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
  /** The name that an object with only this message would have. */
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
  /** Why BigQuery refuses it. */
  readonly problems: readonly string[];
}

export interface ExplainedDeadLetter {
  /** Undefined without `deadLetters`: the message goes back, and is redelivered. */
  readonly topic?: string;
  readonly reason: string;
  readonly error: string;
  /** The attempt after which it is dead-lettered; until then, it goes back and is redelivered. */
  readonly attempt?: number;
  readonly attributes?: Attributes;
}

/** A message in a readable form. */
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

/** The service that dead-letters a message, and the message's source. */
interface GivenUpBy {
  readonly service: string;
  readonly google: { readonly projectId: string };
  /** `projects/p/subscriptions/s`, or `mqtt:<topic>`. */
  readonly source: string;
  readonly deadLetters?: DeadLettersConfig | undefined;
}

/** Outcomes that are the same for every service: all except those of the sink. */
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
