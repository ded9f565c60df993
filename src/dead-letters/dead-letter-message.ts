import { isReserved, type OutgoingMessage, PUBSUB_LIMITS } from '../connectors/pubsub/limits.ts';
import type { Attributes, Original } from '../core/message.ts';

/** Prefix of our attributes. An original's attributes with this prefix are marks of an earlier dead letter. */
export const MARK_PREFIX = 'dlq_';

/** Why and where a message was given up. */
export interface DeadLetterMarks {
  /** The service that gave it up. */
  readonly service: string;
  /** A PoisonReason. */
  readonly reason: string;
  readonly error: string;
  /** On which attempt it was given up: 1 without retries. */
  readonly attempt: number;
  /** `projects/p/subscriptions/s`, or `mqtt:<topic>`. */
  readonly source: string;
  readonly time: Date;
}

/** A dead letter, as it is published. */
export interface DeadLetterMessage extends OutgoingMessage {
  readonly data: Uint8Array;
  readonly attributes: Attributes;
}

/** Of the original's data: what is beyond does not fit into a request beside the attributes. */
const MAX_DATA_BYTES = 9_000_000;

/**
 * A dead letter: the original's data and attributes, and beside them `dlq_service`, `dlq_reason`, `dlq_error`,
 * `dlq_attempt`, `dlq_source`, `dlq_time`, and `dlq_ordering_key` where the original has one. The dead letter itself has no
 * ordering key, so that dead letters never wait for each other.
 *
 * It always fits: of an original that does not, data is cut and attributes are cut or left out. Then `isWhole` is false
 * and the dead letter says so (`dlq_truncated`, `dlq_original_bytes`). So it is with an original that its source has cut,
 * which has the hash of the whole beside it (`dlq_original_sha256`).
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
 * A dead letter whose original is in an object, `gs://bucket/name`: no data, and as many attributes as fit, to filter by. If
 * the source has cut the original, so is what the object holds (`dlq_truncated`).
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

/** Without those that no dead letter carries on: some `goog…` are set by Pub/Sub alone, `dlq_…` by an earlier dead-lettering. */
function ownAttributes({ attributes }: Original): [string, string][] {
  return Object.entries(attributes).filter(([name]) => !isReserved(name) && !name.startsWith(MARK_PREFIX));
}

/** Those that Pub/Sub takes beside our own. */
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

/** As many bytes of a text as an attribute may hold. */
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
