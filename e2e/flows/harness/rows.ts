import * as assert from 'uvu/assert';
import type { DeviceRecord, Fleet } from '../../../src/tools/load/fleet.ts';
import type { Row } from './sinks.ts';

/** The payload of a reading. */
interface Payload {
  readonly taken_at: string;
  readonly temperature: number;
  readonly humidity: number;
  readonly battery: number;
}

/**
 * Asserts one row per reading, with the reading's values in every column.
 *
 * @param recordOf the enrichment data of a device; undefined if it has none.
 */
export function assertRows(
  rows: ReadonlyMap<string, Row>,
  fleet: Fleet,
  readings: number,
  recordOf: (deviceId: string) => DeviceRecord | undefined,
): void {
  assert.is(rows.size, readings);
  for (const { id, deviceId, sequence, topic, payload } of fleet.readings(readings)) {
    const row = rows.get(id);
    assert.ok(row, `a row of ${id}`);
    const { received_at, taken_at, ...values } = row;
    const sent: Payload = JSON.parse(payload.toString('utf8'));
    const record = recordOf(deviceId);
    assert.equal(
      values,
      {
        message_id: id,
        device_id: deviceId,
        client: record?.ClientID ?? null,
        // Before enrichment, the topic contains the location.
        location: record?.LocationID ?? fleet.recordOf(deviceId).LocationID,
        service_tag: record?.Category ?? null,
        topic,
        sequence,
        temperature: sent.temperature,
        humidity: sent.humidity,
        battery: sent.battery,
      },
      `the columns of ${id}`,
    );
    assert.is(Date.parse(taken_at), Date.parse(sent.taken_at), `taken_at of ${id}`);
    assert.ok(Math.abs(Date.now() - Date.parse(received_at)) < 3_600_000, `received_at of ${id} is ${received_at}`);
  }
}
