/** Data about a message beyond its payload, for example `{ DeviceID: 'd1', location: 'hall' }`. */
export type EnrichmentData = Readonly<Record<string, unknown>>;

/** Attributes as Pub/Sub carries them: flat, strings only. */
export type Attributes = Readonly<Record<string, string>>;

/**
 * A device message. Immutable: an enriched message is a new value.
 *
 * - `id`: stable across redeliveries where the source has a stable one (docs/guarantees.md).
 * - `payload`: the device's bytes, never forced to UTF-8.
 * - `publishTime`: RFC 3339 in UTC, kept as text, so that no digit of the original's precision is lost.
 * - `enrichmentJson`: the enrichment data as JSON, where it is known without asking for the data.
 * - `plainMember`: returns a member of the enrichment data without parsing the data, if the member is a text. Returns null
 *   if there is no such member, and undefined if the caller must read `enrichmentData`. `bytes` is the name in UTF-8.
 */
export interface Message {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly publishTime: string;
  readonly attributes: Attributes;
  readonly enrichmentData: EnrichmentData;
  readonly enrichmentJson?: string | undefined;
  plainMember?(name: string, bytes: Uint8Array): string | null | undefined;
}

/** The bytes and attributes as the source handed them over: what a dead letter preserves. */
export interface Original {
  readonly data: Uint8Array;
  readonly attributes: Attributes;
  readonly orderingKey: string;
  /** The source's own id of it, the same on each redelivery; MQTT has none. */
  readonly messageId?: string;
  /** Set if the source kept only the beginning of the data. */
  readonly whole?: WholeData | undefined;
}

/** Size and hash of data that was too large to keep. */
export interface WholeData {
  readonly byteLength: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** Matches nearly every time. Every month has the days up to the 28th. */
const PLAIN_UTC = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?Z$/;
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59Z');
const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/**
 * Returns an RFC 3339 time in UTC, with every digit of its fraction; undefined if it is not a time. A leap second and a
 * day that its month does not have are none, and neither is a time that in UTC is not in the years 1 to 9999.
 */
export function utcTime(text: string): string | undefined {
  if (PLAIN_UTC.test(text) && !text.startsWith('0000')) return text;
  const [, date, time, fraction = '', zone] = RFC3339.exec(text) ?? [];
  if (date === undefined || time === undefined || zone === undefined) return undefined;
  const local = Date.parse(`${date}T${time}Z`);
  // Date.parse takes 31 February for 3 March.
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 10) !== date) return undefined;
  const utc = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(utc) || utc < FIRST_MS || utc > LAST_MS) return undefined;
  return `${new Date(utc).toISOString().slice(0, 19)}${fraction}Z`;
}
