import { PoisonError } from '../../core/errors.ts';
import type { Attributes, Message, Original, WholeData } from '../../core/message.ts';
import { newMessageId } from '../../util/message-id.ts';
import { rfc3339OfMillis } from '../../util/rfc3339.ts';
import type { MqttSourceConfig } from './config.ts';
import { propertyAttributes } from './property-attributes.ts';
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
