/** A device's payload of an exact size, and the envelope around it. */

const SENT_AT = '{"sent_at":';
/** Epoch milliseconds with three decimals. The length is fixed, so that it can be read without parsing the rest. */
const STAMP_LENGTH = 17;
const BEFORE_INDEX = ',"message_id":"m';
const INDEX_AT = SENT_AT.length + STAMP_LENGTH + BEFORE_INDEX.length;
const QUOTE = 0x22;
const ZERO = 0x30;
const EPOCH_MS = performance.timeOrigin;

/** Now, in milliseconds since 1970, with a resolution of microseconds. Comparable between processes of one machine. */
export function nowMs(): number {
  return EPOCH_MS + performance.now();
}

export function deviceName(index: number): string {
  return `device-${String(index).padStart(7, '0')}`;
}

/** The payload of message `number`: JSON of exactly `size` bytes, stamped with the present time. */
export function payloadOf(index: number, devices: number, size: number, sentAtMs = nowMs()): Buffer {
  const head = `${SENT_AT}${sentAtMs.toFixed(3)}${BEFORE_INDEX}${index}","device_id":"${deviceName(index % devices)}","sequence":${index},"taken_at":"2026-01-01T00:00:00.000Z","temperature":21.5,"pad":"`;
  return Buffer.from(`${head}${'x'.repeat(Math.max(0, size - head.length - 2))}"}`);
}

/** Creation time of the payload. */
export function sentAtOf(payload: Uint8Array): number {
  let text = '';
  for (let index = SENT_AT.length; index < SENT_AT.length + STAMP_LENGTH; index += 1) {
    text += String.fromCharCode(payload[index] ?? 0);
  }
  return Number(text);
}

/** The number of the payload's message. */
export function indexOf(payload: Uint8Array): number {
  let index = 0;
  for (let at = INDEX_AT; at < payload.length && payload[at] !== QUOTE; at += 1)
    index = index * 10 + (payload[at] ?? 0) - ZERO;
  return index;
}

/** A payload as published by the ingestion service. Messages rotate over this number of locations. */
export function envelopeOf(index: number, devices: number, payload: Buffer, locations = 1): Buffer {
  return Buffer.from(
    JSON.stringify({
      id: `m${index}`,
      payload: payload.toString('base64'),
      publishTime: '2026-01-01T00:00:00.000Z',
      enrichmentData: {
        DeviceID: deviceName(index % devices),
        location: locations === 1 ? 'berlin' : `site-${index % locations}`,
      },
    }),
  );
}

/** The record of a device. */
export function recordOf(index: number): Record<string, string> {
  return { ClientID: `client-${index % 7}`, LocationID: 'berlin', Category: 'climate' };
}
