import { PoisonError } from '../../core/errors.ts';
import type { Attributes, Message, Original, WholeData } from '../../core/message.ts';
import { newMessageId } from '../../util/message-id.ts';
import { rfc3339OfMillis } from '../../util/rfc3339.ts';
import { PUBSUB_LIMITS } from '../pubsub/limits.ts';
import type { MqttSourceConfig } from './config.ts';
import type { PublishProperties } from './wire/publish-properties.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

const NO_DATA = Object.freeze({});

/**
 * The attributes of a message: its topic, whether it was retained, and its MQTT 5 properties.
 *
 * @param onLeftOut called where properties are not among them.
 */
export function attributesOf(
  { topic, retain, properties }: Pick<ReceivedPublish, 'topic' | 'retain' | 'properties'>,
  { propertiesAsAttributes }: Pick<MqttSourceConfig, 'propertiesAsAttributes'>,
  onLeftOut: (topic: string, leftOut: number) => void,
): Attributes {
  const own: Attributes = retain ? { mqtt_topic: topic, mqtt_retained: 'true' } : { mqtt_topic: topic };
  if (properties === undefined || !propertiesAsAttributes) return own;
  const { attributes, leftOut } = propertyAttributes(properties);
  if (leftOut > 0) onLeftOut(topic, leftOut);
  return { ...attributes, ...own };
}

/** A message as it came: MQTT gives neither an id nor a time, so both are of its receipt. */
export function messageOf({ data, attributes }: Original, nowMs: number): Message {
  return {
    id: newMessageId(nowMs),
    payload: data,
    publishTime: rfc3339OfMillis(nowMs),
    attributes,
    enrichmentData: NO_DATA,
  };
}

/** The end of a message of which the source kept only the beginning. */
export function tooLarge(topic: string, { byteLength, sha256 }: WholeData, kept: number): PoisonError {
  return new PoisonError(
    'too_large',
    `the payload has ${byteLength} bytes (SHA-256 ${sha256}), and mqtt.maxPayloadBytes allows ${kept}: the rest was not kept (topic ${topic})`,
  );
}

/** Prefixes reserved by this platform or Pub/Sub, in any case. */
const RESERVED_PREFIXES = ['mqtt_', 'dlq_', 'goog', 'cloudpubsubdeadletter'] as const;

/** Names that services read by default. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['route_name', 'uid', 'location']);

/** Prefix for reserved names that a device has set. */
const USER_PREFIX = 'mqtt_user_';

/** Separator between the values of a repeated name. */
const SEPARATOR = ',';

/** Leaves room for the attributes that the platform adds: `mqtt_topic`, `mqtt_retained` and `route_name`. */
const MAX_ATTRIBUTES = PUBSUB_LIMITS.attributes - 3;

/** Attributes of a message, and the number of properties left out. */
export interface PropertyAttributes {
  readonly attributes: Attributes;
  readonly leftOut: number;
}

/** Returns whether the platform reads an attribute of this name, so that devices may not set it. */
export function isReservedName(name: string): boolean {
  // Pub/Sub rejects empty names.
  if (name === '' || RESERVED_NAMES.has(name)) return true;
  const lower = name.slice(0, 32).toLowerCase();
  return RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

/**
 * Converts MQTT 5 properties to attributes: `mqtt_content_type`, `mqtt_response_topic`, `mqtt_correlation_data`
 * (base64), and user properties under their names. Reserved names get the prefix `mqtt_user_`; repeated names have
 * their values joined by commas.
 *
 * Attributes are never truncated. Leaves out properties longer than Pub/Sub allows (256 bytes for a name, 1,024 for a
 * value), and the last user properties if there are too many.
 */
export function propertyAttributes(properties: PublishProperties): PropertyAttributes {
  const { contentType, responseTopic, correlationData, userProperties } = properties;
  const attributes = new Map<string, string>();
  let leftOut = 0;
  const set = (name: string, value: string): void => {
    const before = attributes.get(name);
    const whole = before === undefined ? value : `${before}${SEPARATOR}${value}`;
    const fits =
      (before !== undefined || attributes.size < MAX_ATTRIBUTES) &&
      Buffer.byteLength(name) <= PUBSUB_LIMITS.attributeKeyBytes &&
      Buffer.byteLength(whole) <= PUBSUB_LIMITS.attributeValueBytes;
    if (fits) attributes.set(name, whole);
    else leftOut += 1;
  };
  if (contentType !== undefined) set('mqtt_content_type', contentType);
  if (responseTopic !== undefined) set('mqtt_response_topic', responseTopic);
  if (correlationData !== undefined) set('mqtt_correlation_data', correlationData.toString('base64'));
  for (const [name, value] of userProperties) set(isReservedName(name) ? `${USER_PREFIX}${name}` : name, value);
  return { attributes: Object.fromEntries(attributes), leftOut };
}
