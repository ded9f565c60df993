let cachedSecond = Number.NaN;
let cachedText = '';
let cachedNanos = Number.NaN;
let cachedTime = '';

/**
 * A protobuf timestamp as RFC 3339 in UTC, for example `2026-11-23T10:00:00.123456Z`. Nanoseconds are kept as they
 * are, without trailing groups of zeros. Messages come in bursts of one second, and those of one publish
 * request have the same time, so the last texts are kept.
 */
export function rfc3339(seconds: number, nanos: number): string {
  if (seconds !== cachedSecond) {
    cachedSecond = seconds;
    cachedNanos = Number.NaN;
    cachedText = new Date(seconds * 1000).toISOString().slice(0, 19);
  }
  if (nanos === cachedNanos) return cachedTime;
  if (nanos === 0) return `${cachedText}Z`;
  let digits = String(nanos).padStart(9, '0');
  while (digits.endsWith('000')) digits = digits.slice(0, -3);
  cachedNanos = nanos;
  cachedTime = `${cachedText}.${digits}Z`;
  return cachedTime;
}

/** Milliseconds since 1970 as RFC 3339 in UTC. */
export function rfc3339OfMillis(millis: number): string {
  const seconds = Math.floor(millis / 1000);
  return rfc3339(seconds, Math.round(millis - seconds * 1000) * 1_000_000);
}
