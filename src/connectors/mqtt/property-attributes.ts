import type { Attributes } from '../../core/message.ts';
import { PUBSUB_LIMITS } from '../pubsub/limits.ts';
import type { PublishProperties } from './wire/publish-properties.ts';

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
