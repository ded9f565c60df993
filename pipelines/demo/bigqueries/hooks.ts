import { payloadJson, type Transformer } from '../../../src/hooks.ts';

/** Makes a row of every message: a payload that is not JSON becomes a string, and bytes that are not text become base64. */
export const transformer: Transformer = ({ id, publishTime, attributes, enrichmentData, payload }) => {
  const { format, json } = payloadJson(payload);
  return {
    message_id: id,
    received_at: publishTime,
    topic: attributes.mqtt_topic,
    device_id: textOf(enrichmentData.DeviceID),
    client: textOf(enrichmentData.name),
    location: textOf(enrichmentData.location),
    service_tag: textOf(enrichmentData.serviceTag),
    payload: json,
    payload_format: format,
  };
};

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
