/** Data about a message beyond its payload, for example `{ DeviceID: 'd1', location: 'hall' }`. */
export type EnrichmentData = Readonly<Record<string, unknown>>;

/** Pub/Sub attributes: flat, strings only. */
export type Attributes = Readonly<Record<string, string>>;

/**
 * A device message. Immutable: enriching it creates a new value.
 *
 * - `id`: stable across redeliveries if the source provides a stable one (docs/guarantees.md).
 * - `payload`: the device's bytes, never forced to UTF-8.
 * - `publishTime`: RFC 3339 in UTC, kept as text to preserve every digit of the original.
 * - `enrichmentJson`: the enrichment data as JSON, if available without reading the data.
 * - `plainMember`: returns a string member of the enrichment data without parsing the data. Returns null
 *   if the member does not exist, and undefined if the caller must read `enrichmentData`. `bytes` is the name in UTF-8.
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

/** The data and attributes as received from the source, which a dead letter preserves. */
export interface Original {
  readonly data: Uint8Array;
  readonly attributes: Attributes;
  readonly orderingKey: string;
  /** The source's own id, the same on each redelivery; MQTT has none. */
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

/** Matches almost every time. Days up to the 28th exist in every month. */
const PLAIN_UTC = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?Z$/;
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59Z');
const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/**
 * Converts an RFC 3339 time to UTC with all digits of its fraction. Returns undefined if it is not a time, has a leap
 * second or a day that its month lacks, or lies outside the years 1 to 9999 in UTC.
 */
export function utcTime(text: string): string | undefined {
  if (PLAIN_UTC.test(text) && !text.startsWith('0000')) return text;
  const [, date, time, fraction = '', zone] = RFC3339.exec(text) ?? [];
  if (date === undefined || time === undefined || zone === undefined) return undefined;
  const local = Date.parse(`${date}T${time}Z`);
  // Date.parse accepts 31 February as 3 March.
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 10) !== date) return undefined;
  const utc = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(utc) || utc < FIRST_MS || utc > LAST_MS) return undefined;
  return `${new Date(utc).toISOString().slice(0, 19)}${fraction}Z`;
}

/** Keyed by the data, not the message, so that a message with other data cannot get an outdated text. */
const TEXTS = new WeakMap<EnrichmentData, string>();

/** Stores the original JSON text of enrichment data, so that it can be passed on unchanged. */
export function keepEnrichmentText(data: EnrichmentData, json: string): void {
  TEXTS.set(data, json);
}

/** Returns the JSON text of a message's enrichment data if it is available without encoding. */
export function enrichmentText(message: Message): string | undefined {
  return message.enrichmentJson ?? TEXTS.get(message.enrichmentData);
}
