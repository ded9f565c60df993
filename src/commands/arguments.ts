import { InvalidArgumentError } from 'commander';
import { utcTime } from '../core/message.ts';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
/** The longest wait of a timer: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Parses a duration from the command line, such as `500ms`, `30s`, `5m` or `1.5h`, to milliseconds. */
export function duration(text: string): number {
  const [, number = '', unit = ''] = DURATION.exec(text) ?? [];
  const ms = Number(number) * (UNITS_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  throw new InvalidArgumentError('Expected a duration above 0 and up to 24 days, such as 500ms, 30s, 5m, 1.5h or 1d.');
}

/** Returns a parser of whole numbers from the command line. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (text !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min}${max < 1e9 ? ` to ${max}` : ''}.`);
  };
}

/** Parses a rate in messages per second from the command line, such as `500` or `500/s`; `max` is Infinity. */
export function messagesPerSecond(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const value = Number(text.replace(/\/s$/, ''));
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected messages per second above 0, such as 500 or 500/s, or max.');
}

/** Parses an RFC 3339 time from the command line, to milliseconds since 1970. */
export function time(text: string): number {
  const utc = utcTime(text);
  if (utc === undefined) throw new InvalidArgumentError('Expected a time such as 2026-11-24T08:00:00Z (RFC 3339).');
  return Date.parse(utc);
}
