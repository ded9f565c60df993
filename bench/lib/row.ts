/** The row of an envelope, by hand: what the columns of `pipelines/bigqueries` read. */
export interface Envelope {
  readonly id: string;
  readonly payload: string;
  readonly publishTime: string;
  readonly enrichmentData: Readonly<Record<string, string>>;
}

/** An insertAll row: insertId and values. */
export function rowOf({ id, payload, publishTime, enrichmentData }: Envelope): {
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
      location: enrichmentData.location,
      sequence: reading.sequence,
      taken_at: reading.taken_at,
      temperature: reading.temperature,
    },
  };
}

/** Columns of the table that these rows fit into. */
export const COLUMNS = [
  { name: 'message_id', type: 'STRING', mode: 'REQUIRED' },
  { name: 'received_at', type: 'TIMESTAMP', mode: 'REQUIRED' },
  { name: 'device_id', type: 'STRING' },
  { name: 'location', type: 'STRING' },
  { name: 'sequence', type: 'INT64' },
  { name: 'taken_at', type: 'TIMESTAMP' },
  { name: 'temperature', type: 'FLOAT64' },
];
