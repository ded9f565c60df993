export interface Envelope {
  readonly id: string;
  readonly payload: string;
  readonly publishTime: string;
  readonly enrichmentData: Readonly<Record<string, string>>;
}

/** The hand-written row of a message, in the columns of `pipelines/bigqueries`: insertId and values. */
export function rowOf(
  { id, payload, publishTime, enrichmentData }: Envelope,
  attributes: Readonly<Record<string, string>>,
): {
  readonly insertId: string;
  readonly json: Readonly<Record<string, unknown>>;
} {
  const reading = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'));
  return {
    insertId: id,
    json: {
      message_id: id,
      received_at: publishTime,
      device_id: enrichmentData.DeviceID,
      client: enrichmentData.name,
      location: enrichmentData.location,
      service_tag: enrichmentData.serviceTag,
      topic: attributes.mqtt_topic,
      sequence: reading.sequence,
      taken_at: reading.taken_at,
      temperature: reading.temperature,
      humidity: reading.humidity,
      battery: reading.battery,
    },
  };
}

/** The table for these rows. */
export const TABLE = {
  timePartitioning: { type: 'DAY', field: 'received_at' },
  clustering: { fields: ['device_id'] },
  schema: [
    { name: 'message_id', type: 'STRING', mode: 'REQUIRED' },
    { name: 'received_at', type: 'TIMESTAMP', mode: 'REQUIRED' },
    { name: 'device_id', type: 'STRING' },
    { name: 'client', type: 'STRING' },
    { name: 'location', type: 'STRING' },
    { name: 'service_tag', type: 'STRING' },
    { name: 'topic', type: 'STRING' },
    { name: 'sequence', type: 'INT64' },
    { name: 'taken_at', type: 'TIMESTAMP' },
    { name: 'temperature', type: 'FLOAT64' },
    { name: 'humidity', type: 'FLOAT64' },
    { name: 'battery', type: 'INT64' },
  ],
};
