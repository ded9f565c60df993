import * as duck from '@duckdb/node-api';

const DAY_MS = 86_400_000;
const CLOCK = String.raw`((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)`;
/** The documented formats have at most six digits of a second. */
const MICROSECONDS = String.raw`(?:\.(\d{1,6}))?`;
/**
 * A TIMESTAMP may have nine digits, of which the last three are dropped: Google's Go client sends every time.Time as
 * RFC 3339 with nanoseconds (`toUploadValueReflect` in its value.go), and such rows are inserted.
 */
const NANOSECONDS = String.raw`(?:\.(\d{1,6})\d{0,3})?`;
const TIMESTAMP = new RegExp(
  String.raw`^(\d{4}([-/])\d\d\2\d\d)[ T]${CLOCK}${NANOSECONDS} ?(?:Z|UTC|([+-]\d\d)(?::?(\d\d))?)?$`,
  'i',
);
const DATETIME = new RegExp(String.raw`^(\d{4}-\d\d-\d\d)(?:[ T]${CLOCK}${MICROSECONDS})?$`, 'i');
const TIME = new RegExp(`^${CLOCK}${MICROSECONDS}$`);
const SECONDS = /^[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const MIN_MICROS = -62_135_596_800_000_000n;
const MAX_MICROS = 253_402_300_799_999_999n;

/** Returns the milliseconds of a date from year 1 to 9999, or undefined. */
function dateMs(text: string): number | undefined {
  const ms = /^(?!0000)\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  // JavaScript accepts February 30th as March 2nd.
  return new Date(ms).getUTCDate() === Number(text.slice(8)) ? ms : undefined;
}

export const readDate = (text: string) => {
  const ms = dateMs(text);
  return ms === undefined ? undefined : new duck.DuckDBDateValue(ms / DAY_MS);
};

/**
 * Returns microseconds since 1970 for a text in UTC or with an offset, or for a number of seconds; may be out of range.
 */
function timestampMicros(text: string): bigint | undefined {
  if (SECONDS.test(text)) {
    const micros = Math.round(Number(text) * 1e6);
    return Number.isFinite(micros) ? BigInt(micros) : undefined;
  }
  const [, date = '', , clock = '', fraction = '', hours = '+00', minutes = '00'] = TIMESTAMP.exec(text) ?? [];
  const dashed = date.includes('/') ? date.replaceAll('/', '-') : date;
  if (dateMs(dashed) === undefined) return undefined;
  const ms = Date.parse(`${dashed}T${clock}${hours}:${minutes}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

export const readTimestamp = (text: string) => {
  const micros = timestampMicros(text);
  if (micros === undefined || micros < MIN_MICROS || micros > MAX_MICROS) return undefined;
  return new duck.DuckDBTimestampTZValue(micros);
};

/**
 * Returns why a text is not a timestamp; https://github.com/googleapis/nodejs-bigquery/issues/564 shows out-of-range
 * values.
 */
export const timestampRefusal = (text: string): string => {
  const micros = timestampMicros(text);
  return micros === undefined
    ? `Could not parse '${text}' as a timestamp. Required format is YYYY-MM-DD HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]]`
    : `Timestamp field value is out of range:${micros}`;
};

export const readDatetime = (text: string) => {
  const [, date = '', clock = '00:00', fraction = ''] = DATETIME.exec(text) ?? [];
  if (dateMs(date) === undefined) return undefined;
  return new duck.DuckDBTimestampValue(
    BigInt(Date.parse(`${date}T${clock}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0')),
  );
};

export const readTime = (text: string) => {
  const [, clock, fraction = ''] = TIME.exec(text) ?? [];
  if (clock === undefined) return undefined;
  return new duck.DuckDBTimeValue(BigInt(Date.parse(`1970-01-01T${clock}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0')));
};

/** Formats microseconds since 1970 as `2026-02-28T23:59:59.123456`, without a zero fraction. */
function isoText(micros: bigint): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19);
  return fraction === 0n ? seconds : `${seconds}.${String(fraction).padStart(6, '0')}`;
}

export const writeDatetime = ({ micros }: duck.DuckDBTimestampValue): string => isoText(micros);
export const writeTime = ({ micros }: duck.DuckDBTimeValue): string => isoText(micros).slice('1970-01-01T'.length);
