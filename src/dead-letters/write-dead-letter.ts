import { isReserved, type OutgoingMessage, PUBSUB_LIMITS } from '../connectors/pubsub/limits.ts';
import type { Attributes, Original } from '../core/message.ts';

/** Prefix of our attributes. An original's attributes with this prefix come from an earlier dead letter. */
export const MARK_PREFIX = 'dlq_';

/** Why and where a message was dead-lettered. */
export interface DeadLetterMarks {
  /** The service that dead-lettered it. */
  readonly service: string;
  /** A PoisonReason. */
  readonly reason: string;
  readonly error: string;
  /** Number of the last attempt; 1 without retries. */
  readonly attempt: number;
  /** `projects/p/subscriptions/s`, or `mqtt:<topic>`. */
  readonly source: string;
  readonly time: Date;
}

/** A dead letter ready to be published. */
export interface DeadLetterMessage extends OutgoingMessage {
  readonly data: Uint8Array;
  readonly attributes: Attributes;
}

/** Bytes of the original's data that fit into a request next to the attributes. */
const MAX_DATA_BYTES = 9_000_000;

/**
 * Builds a dead letter: the original's data and attributes, plus `dlq_service`, `dlq_reason`, `dlq_error`,
 * `dlq_attempt`, `dlq_source`, `dlq_time`, and `dlq_ordering_key` if the original has one. The dead letter has no
 * ordering key, so dead letters never wait for each other.
 *
 * It always fits: oversized data is truncated, oversized attributes are truncated or omitted. `isWhole` is then false,
 * and the dead letter has `dlq_truncated` and `dlq_original_bytes`. An original truncated by its source also has the
 * hash of the whole (`dlq_original_sha256`).
 */
export function toDeadLetterMessage(
  original: Original,
  marks: DeadLetterMarks,
): { readonly message: DeadLetterMessage; readonly isWhole: boolean } {
  const { data } = original;
  const own = ownAttributes(original);
  const whole = attributesOf(original, marks);
  const isWhole =
    original.whole === undefined &&
    data.byteLength <= MAX_DATA_BYTES &&
    own.length + Object.keys(whole).length <= PUBSUB_LIMITS.attributes &&
    own.every(([name, value]) => isName(name) && clipped(value) === value);
  const added = isWhole ? whole : { ...whole, dlq_truncated: 'true', ...sizeOf(original) };
  return {
    isWhole,
    message: {
      data: data.subarray(0, MAX_DATA_BYTES),
      attributes: { ...fitting(own, Object.keys(added).length), ...added },
      orderingKey: '',
    },
  };
}

/**
 * Builds a dead letter whose original is in an object, `gs://bucket/name`: no data, and as many attributes as fit, for
 * filtering. If the source truncated the original, so is the object's (`dlq_truncated`).
 */
export function toPointerMessage(object: string, original: Original, marks: DeadLetterMarks): DeadLetterMessage {
  const added = {
    ...attributesOf(original, marks),
    dlq_object: object,
    ...sizeOf(original),
    ...(original.whole === undefined ? {} : { dlq_truncated: 'true' }),
  };
  return {
    data: new Uint8Array(),
    attributes: { ...fitting(ownAttributes(original), Object.keys(added).length), ...added },
    orderingKey: '',
  };
}

function attributesOf({ orderingKey }: Original, marks: DeadLetterMarks): Record<string, string> {
  return {
    dlq_service: marks.service,
    dlq_reason: marks.reason,
    dlq_error: clipped(marks.error),
    dlq_attempt: String(marks.attempt),
    dlq_source: clipped(marks.source),
    dlq_time: marks.time.toISOString(),
    ...(orderingKey === '' ? {} : { dlq_ordering_key: orderingKey }),
  };
}

function sizeOf({ data, whole }: Original): Record<string, string> {
  if (whole === undefined) return { dlq_original_bytes: String(data.byteLength) };
  return { dlq_original_bytes: String(whole.byteLength), dlq_original_sha256: whole.sha256 };
}

/**
 * Returns the original's attributes without those a dead letter must not carry: some `goog…`, which only Pub/Sub may
 * set, and `dlq_…` of an earlier dead-lettering.
 */
function ownAttributes({ attributes }: Original): [string, string][] {
  return Object.entries(attributes).filter(([name]) => !isReserved(name) && !name.startsWith(MARK_PREFIX));
}

/** Returns the attributes that Pub/Sub accepts next to our own. */
function fitting(own: readonly (readonly [string, string])[], reserved: number): Attributes {
  return Object.fromEntries(
    own
      .filter(([name]) => isName(name))
      .slice(0, PUBSUB_LIMITS.attributes - reserved)
      .map(([name, value]) => [name, clipped(value)]),
  );
}

function isName(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= PUBSUB_LIMITS.attributeKeyBytes;
}

/** Truncates a text to the bytes of an attribute value. */
function clipped(value: string): string {
  const wellFormed = value.toWellFormed();
  if (wellFormed.length * 3 <= PUBSUB_LIMITS.attributeValueBytes) return wellFormed;
  const bytes = Buffer.from(wellFormed);
  if (bytes.byteLength <= PUBSUB_LIMITS.attributeValueBytes) return wellFormed;
  return bytes
    .subarray(0, PUBSUB_LIMITS.attributeValueBytes - 3)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
}
