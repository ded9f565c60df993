import { PoisonError } from '../core/errors.ts';
import { type Attributes, type EnrichmentData, keepEnrichmentText, type Message, utcTime } from '../core/message.ts';
import { jsonMembers } from '../util/json/json-members.ts';
import { isJsonObject, parseExact } from '../util/json/lossless-json.ts';
import { openEnvelope } from './envelope/envelope.ts';

/** A message read from an archive line, and its archive time in milliseconds since 1970. */
export interface ArchivedMessage {
  readonly message: Message;
  readonly archivedAtMs: number;
}

/**
 * Contents of `originalPubSubPayload`: `envelope` is the message's envelope, as the Go platform's icestore archives it;
 * `raw` is its payload; `auto` detects which. A line without `publishTime`, which this project always writes, may hold
 * either.
 */
export const LINE_INPUTS = ['auto', 'envelope', 'raw'] as const;
export type LineInput = (typeof LINE_INPUTS)[number];

/**
 * Parses a line of an archive object. Requires only `id`, `originalPubSubPayload` and `archivedAt`, which every writer
 * of the format provides; `archivedAt` replaces a missing `publishTime`. An archived envelope provides the message's
 * own id, payload, time and enrichment data.
 *
 * @throws PoisonError (`undecodable`) that describes the problem with the line.
 */
export function archivedMessage(text: string, input: LineInput = 'auto'): ArchivedMessage {
  let line: unknown;
  try {
    line = parseExact(text);
  } catch (thrown) {
    throw new PoisonError('undecodable', 'the line is not JSON', { cause: thrown });
  }
  if (!isJsonObject(line)) throw new PoisonError('undecodable', 'the line is not a JSON object');
  const { id, originalPubSubPayload, archivedAt, attributes, enrichmentData } = line;
  if (typeof id !== 'string' || id === '') throw new PoisonError('undecodable', 'the line has no "id"');
  if (typeof originalPubSubPayload !== 'string') {
    throw new PoisonError('undecodable', 'the line has no "originalPubSubPayload" in base64');
  }
  const archived = timeOf(line, 'archivedAt');
  const publishTime = line.publishTime === undefined ? archived : timeOf(line, 'publishTime');
  if (attributes !== undefined && !isAttributes(attributes)) {
    throw new PoisonError('undecodable', 'the line\'s "attributes" are not strings by name');
  }
  if (enrichmentData !== undefined && enrichmentData !== null && !isJsonObject(enrichmentData)) {
    throw new PoisonError('undecodable', 'the line\'s "enrichmentData" is not a JSON object');
  }
  const known: EnrichmentData = enrichmentData ?? {};
  const written = jsonMembers(text).findLast(({ name }) => name === 'enrichmentData')?.value;
  if (enrichmentData !== undefined && enrichmentData !== null && written !== undefined)
    keepEnrichmentText(known, written);
  const payload = Buffer.from(originalPubSubPayload, 'base64');
  const message: Message = { id, payload, publishTime, attributes: attributes ?? {}, enrichmentData: known };
  const mayBeEnvelope = input === 'envelope' || (input === 'auto' && line.publishTime === undefined);
  return {
    message: mayBeEnvelope ? opened(message, input) : message,
    archivedAtMs: Date.parse(String(archivedAt)),
  };
}

/**
 * Returns the message in an archived envelope. With `auto`, a payload that is not an envelope is the message itself.
 */
function opened(message: Message, input: LineInput): Message {
  try {
    return openEnvelope(message);
  } catch (thrown) {
    if (input === 'auto' && thrown instanceof PoisonError) return message;
    throw thrown;
  }
}

function timeOf(line: Readonly<Record<string, unknown>>, member: string): string {
  const value = line[member];
  const time = typeof value === 'string' ? utcTime(value) : undefined;
  if (time === undefined) throw new PoisonError('undecodable', `the line's "${member}" is not an RFC 3339 time`);
  return time;
}

function isAttributes(value: unknown): value is Attributes {
  return isJsonObject(value) && Object.values(value).every((one) => typeof one === 'string');
}
