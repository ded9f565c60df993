/**
 * Formats times as RFC 3339 in UTC, for example `2026-11-23T10:00:00.123456Z`. Keeps nanoseconds, without trailing
 * groups of zeros. Caches the last texts, because many times fall in the same second or are equal; each kind of time
 * needs its own writer for that.
 */
class TimeWriter {
  #second = Number.NaN;
  #untilSecond = '';
  #nanos = Number.NaN;
  #text = '';

  write(seconds: number, nanos: number): string {
    if (seconds === this.#second && nanos === this.#nanos) return this.#text;
    if (seconds !== this.#second) {
      this.#second = seconds;
      this.#untilSecond = new Date(seconds * 1000).toISOString().slice(0, 19);
    }
    this.#nanos = nanos;
    this.#text = `${this.#untilSecond}${fraction(nanos)}Z`;
    return this.#text;
  }
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  let digits = String(nanos).padStart(9, '0');
  while (digits.endsWith('000')) digits = digits.slice(0, -3);
  return `.${digits}`;
}

const timestamps = new TimeWriter();
const clocks = new TimeWriter();

/** Formats a protobuf timestamp as RFC 3339 in UTC. */
export function rfc3339(seconds: number, nanos: number): string {
  return timestamps.write(seconds, nanos);
}

/** Formats milliseconds since 1970 as RFC 3339 in UTC. */
export function rfc3339OfMillis(millis: number): string {
  const seconds = Math.floor(millis / 1000);
  return clocks.write(seconds, Math.round(millis - seconds * 1000) * 1_000_000);
}
