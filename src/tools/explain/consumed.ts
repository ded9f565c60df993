import { randomUUID } from 'node:crypto';
import { isRecord } from '../../config/interpolate.ts';
import { toError } from '../../core/errors.ts';
import type { Message, Original } from '../../core/message.ts';
import { decodeEnvelope, encodeEnvelope } from '../../formats/envelope/envelope.ts';
import type { InputMode } from '../../operators/decode-input.ts';
import { utf8Text } from '../../util/bytes.ts';
import type { Arrival } from './explanation.ts';

/** A message as Pub/Sub brings it. */
export interface Consumed {
  readonly original: Original;
  readonly message: Message;
}

/**
 * Makes a message of Pub/Sub of what is given. Where an envelope is expected, a payload that does not look like one is put
 * into one, unless it is to be taken as it is.
 */
export function consumed(input: InputMode, arrival: Arrival, notes: string[]): Consumed {
  const { data: given, topic, orderingKey, asIs } = arrival;
  const attributes = topic === undefined ? arrival.attributes : { ...arrival.attributes, mqtt_topic: topic };
  const publishTime = new Date().toISOString();
  const messageId = '1';
  const problem = input === 'envelope' && !asIs ? envelopeProblem(given) : undefined;
  if (problem !== undefined) {
    notes.push(
      `the data is not an envelope, and is taken as the payload of one, with an id and a time made for it. As it is (--as-is) it would be dead-lettered: undecodable: ${problem}`,
    );
  } else if (input === 'raw')
    notes.push('id and publish time of a raw message are those of Pub/Sub: here they are made up');
  const data =
    problem === undefined
      ? given
      : encodeEnvelope({ id: randomUUID(), payload: given, publishTime, attributes: {}, enrichmentData: {} });
  return {
    original: { data, attributes, orderingKey, messageId },
    message: { id: messageId, payload: data, publishTime, attributes, enrichmentData: {} },
  };
}

/** The problem of data that is not meant to be an envelope; undefined of an envelope, and of a broken one: it has the member `payload`. */
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
