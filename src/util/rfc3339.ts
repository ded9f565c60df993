/**
 * Writes times as RFC 3339 in UTC, for example `2026-11-23T10:00:00.123456Z`. Nanoseconds are kept as they are, without
 * trailing groups of zeros. Times come in bursts of one second, and many are the same: the last texts are kept. So each
 * kind of time wants a writer of its own.
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

/** A protobuf timestamp as RFC 3339 in UTC. */
export function rfc3339(seconds: number, nanos: number): string {
  return timestamps.write(seconds, nanos);
}

/** Milliseconds since 1970, as a clock shows them, as RFC 3339 in UTC. */
export function rfc3339OfMillis(millis: number): string {
  const seconds = Math.floor(millis / 1000);
  return clocks.write(seconds, Math.round(millis - seconds * 1000) * 1_000_000);
}
