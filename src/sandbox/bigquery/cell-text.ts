/**
 * Readers of the texts that BigQuery accepts for dates and times, see
 * https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json#details_of_loading_json_data.
 * Each returns undefined for a text that is none.
 */
const DATE = '(\\d{4})-(\\d{1,2})-(\\d{1,2})';
const CLOCK = '(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{1,6}))?)?';
const DATE_ONLY = new RegExp(`^${DATE}$`);
const TIME_ONLY = new RegExp(`^${CLOCK}$`);
const DATETIME = new RegExp(`^${DATE}[ Tt]${CLOCK}$`);
const TIMESTAMP = new RegExp(`^${DATE}[ Tt]${CLOCK}(?: ?(?:[Zz]|UTC|([+-])(\\d{1,2})(?::?(\\d{2}))?))?$`);

const MS_PER_DAY = 86_400_000;
const MIN_MICROS = -62_135_596_800_000_000n;
const MAX_MICROS = 253_402_300_799_999_999n;

type Match = readonly (string | undefined)[];

function daysOf(match: Match): number | undefined {
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && year > 0;
  return real ? date.getTime() / MS_PER_DAY : undefined;
}

function clockMicros(match: Match, from: number): number | undefined {
  const [hour, minute, second] = [Number(match[from]), Number(match[from + 1]), Number(match[from + 2] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return (hour * 3600 + minute * 60 + second) * 1_000_000 + Number((match[from + 3] ?? '').padEnd(6, '0'));
}

/** Days since 1970-01-01. */
export function parseDate(text: string): number | undefined {
  const match = DATE_ONLY.exec(text);
  return match === null ? undefined : daysOf(match);
}

/** Microseconds since midnight. */
export function parseTime(text: string): bigint | undefined {
  const match = TIME_ONLY.exec(text);
  const micros = match === null ? undefined : clockMicros(match, 1);
  return micros === undefined ? undefined : BigInt(micros);
}

/** Microseconds since 1970-01-01 00:00:00, of a wall clock without a zone. */
export function parseDateTime(text: string): bigint | undefined {
  const match = DATETIME.exec(text);
  return match === null ? undefined : microsOf(match);
}

/** Microseconds since 1970-01-01 00:00:00 UTC; a text without a zone is in UTC. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = TIMESTAMP.exec(text);
  const local = match === null ? undefined : microsOf(match);
  if (match === null || local === undefined) return undefined;
  const [, , , , , , , , sign, hours = '0', minutes = '0'] = match;
  if (sign === undefined) return inRange(local);
  const offset = BigInt(Number(hours) * 60 + Number(minutes)) * 60_000_000n;
  return inRange(sign === '+' ? local - offset : local + offset);
}

/** Microseconds since 1970 of a number of seconds. */
export function timestampOfSeconds(seconds: number): bigint | undefined {
  if (!Number.isFinite(seconds)) return undefined;
  const whole = Math.floor(seconds);
  return inRange(BigInt(whole) * 1_000_000n + BigInt(Math.round((seconds - whole) * 1_000_000)));
}

function microsOf(match: Match): bigint | undefined {
  const days = daysOf(match);
  const micros = clockMicros(match, 4);
  return days === undefined || micros === undefined ? undefined : BigInt(days) * 86_400_000_000n + BigInt(micros);
}

const inRange = (micros: bigint): bigint | undefined =>
  micros < MIN_MICROS || micros > MAX_MICROS ? undefined : micros;
