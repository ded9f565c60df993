import { randomUUID } from 'node:crypto';
import { isRecord } from '../../config/interpolate.ts';
import { toError } from '../../core/errors.ts';
import type { Message, Original } from '../../core/message.ts';
import { decodeEnvelope, encodeEnvelope } from '../../formats/envelope/envelope.ts';
import type { InputMode } from '../../operators/decode-input.ts';
import { utf8Text } from '../../util/bytes.ts';
import type { Arrival } from './explanation.ts';

/** A message as Pub/Sub delivers it. */
export interface Consumed {
  readonly original: Original;
  readonly message: Message;
}

/**
 * Builds a Pub/Sub message from the given data. If an envelope is expected, data that does not look like one is wrapped
 * in one, unless `asIs` is set.
 */
export function consumed(input: InputMode, arrival: Arrival, notes: string[]): Consumed {
  const { data: given, topic, orderingKey, asIs } = arrival;
  const attributes = topic === undefined ? arrival.attributes : { ...arrival.attributes, mqtt_topic: topic };
  const publishTime = new Date().toISOString();
  const messageId = '1';
  const problem = input === 'envelope' && !asIs ? envelopeProblem(given) : undefined;
  if (problem !== undefined) {
    notes.push(
      `the data is not an envelope, so it was wrapped in one, with a new id and time. Unwrapped (--as-is), it would be dead-lettered: undecodable: ${problem}`,
    );
  } else if (input === 'raw')
    notes.push('Pub/Sub assigns the id and publish time of a raw message: those shown here are invented');
  const data =
    problem === undefined
      ? given
      : encodeEnvelope({ id: randomUUID(), payload: given, publishTime, attributes: {}, enrichmentData: {} });
  return {
    original: { data, attributes, orderingKey, messageId },
    message: { id: messageId, payload: data, publishTime, attributes, enrichmentData: {} },
  };
}

/** Why data is not an envelope; undefined for an envelope, and for a broken one, recognized by its member `payload`. */
function envelopeProblem(data: Buffer): string | undefined {
  try {
    decodeEnvelope(data);
    return undefined;
  } catch (thrown) {
    return looksLikeEnvelope(data) ? undefined : toError(thrown).message;
  }
}

function looksLikeEnvelope(data: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(utf8Text(data) ?? '');
    return isRecord(value) && 'payload' in value;
  } catch {
    return false;
  }
}

/** The full name of the subscription that a service consumes. */
export function subscriptionOf({
  google: { projectId },
  source: { subscriptionId },
}: {
  readonly google: { readonly projectId: string };
  readonly source: { readonly subscriptionId: string };
}): string {
  return `projects/${projectId}/subscriptions/${subscriptionId}`;
}
