import type { Attributes } from '../../core/message.ts';
import { PUBSUB_LIMITS } from '../pubsub/limits.ts';
import type { PublishProperties } from './wire/publish-properties.ts';

/** Names that begin so, in any case of the letters, are ours or Pub/Sub's. */
const RESERVED_PREFIXES = ['mqtt_', 'dlq_', 'goog', 'cloudpubsubdeadletter'] as const;

/** Names that services read unless they are told otherwise. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['route_name', 'uid', 'location']);

/** Prefix of a reserved name that a device has set. */
const USER_PREFIX = 'mqtt_user_';

/** Separator of the values of a repeated name. */
const SEPARATOR = ',';

/** Room is left for what the platform adds itself: `mqtt_topic`, `mqtt_retained` and `route_name`. */
const MAX_ATTRIBUTES = PUBSUB_LIMITS.attributes - 3;

/** Attributes of a message, and how many properties are not among them. */
export interface PropertyAttributes {
  readonly attributes: Attributes;
  readonly leftOut: number;
}

/** Returns whether the platform reads an attribute of that name: no device may set it. */
export function isReservedName(name: string): boolean {
  // Pub/Sub takes no empty name.
  if (name === '' || RESERVED_NAMES.has(name)) return true;
  const lower = name.slice(0, 32).toLowerCase();
  return RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

/**
 * Returns MQTT 5 properties as attributes: `mqtt_content_type`, `mqtt_response_topic`, `mqtt_correlation_data` (base64),
 * and user properties under their names. A reserved name gets the prefix `mqtt_user_`; the values of a name that comes more
 * than once are joined by commas.
 *
 * An attribute is whole, or it is left out: a property that is longer than Pub/Sub takes (256 bytes for a name, 1,024 for a
 * value), and the last user properties where there are more than it takes.
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
