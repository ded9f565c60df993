/** The unit of a number that counts time since 1970. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

/** Powers of ten from each unit to microseconds. */
const TO_MICROS: Readonly<Record<TimeUnit, number>> = { s: 6, ms: 3, us: 0, ns: -3 };
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** Exceeds any calendar time; bounds the work for `1e999999999`. */
const MAX_EXPONENT = 40;
const MAX_DIGITS = 100;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z, in microseconds. */
const FIRST = -62_135_596_800_000_000n;
const LAST = 253_402_300_799_999_999n;

/**
 * Converts a decimal count of time to RFC 3339 in UTC, truncated to microseconds. Returns undefined outside the years 1
 * to 9999.
 */
export function timeOfCount(count: string, unit: TimeUnit): string | undefined {
  const [, sign, whole, fraction = '', exponent = '0'] = DECIMAL.exec(count) ?? [];
  if (whole === undefined) return undefined;
  const significant = `${whole}${fraction}`.replace(/^0+/, '');
  if (significant === '') return timeOf(0n);
  const kept = firstDigits(significant);
  const power = Number(exponent) - fraction.length + TO_MICROS[unit] + significant.length - kept.length;
  const digits = BigInt(`${sign}${kept}`);
  if (power > MAX_EXPONENT) return undefined;
  // Every digit is below one microsecond.
  if (power < -kept.length) return timeOf(digits < 0n ? -1n : 0n);
  const micros = power >= 0 ? digits * 10n ** BigInt(power) : floorDivided(digits, 10n ** BigInt(-power));
  return micros < FIRST || micros > LAST ? undefined : timeOf(micros);
}

function timeOf(micros: bigint): string {
  const millis = floorDivided(micros, 1_000n);
  const rest = micros - millis * 1_000n;
  const text = new Date(Number(millis)).toISOString();
  return rest === 0n ? text : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}

/**
 * Keeps the leading digits. If any dropped digit is nonzero, appends a 1 for all of them. Bounds the work for a million
 * digits.
 */
function firstDigits(digits: string): string {
  const kept = digits.slice(0, MAX_DIGITS);
  return /[1-9]/.test(digits.slice(MAX_DIGITS)) ? `${kept}1` : kept;
}

/** Rounds toward negative infinity: earlier, not nearer to 1970. */
function floorDivided(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}
