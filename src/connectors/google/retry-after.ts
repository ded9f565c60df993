import * as v from 'valibot';

/** Longer waits that a server requests are cut to this. */
const MAX_MS = 300_000;

/** An error of the HTTP clients. Some provide headers as a plain object, others as `Headers`. */
const httpError = v.object({ response: v.object({ headers: v.union([v.instance(Headers), v.looseObject({})]) }) });

/** A number, a string, or a Long of a protobuf library. */
const seconds = v.pipe(v.unknown(), v.transform(Number), v.finite());
/** The google.rpc.RetryInfo in the details of a gRPC error: https://google.aip.dev/193 */
const retryInfo = v.object({
  retryDelay: v.object({ seconds: v.optional(seconds, 0), nanos: v.optional(seconds, 0) }),
});
const grpcError = v.object({ statusDetails: v.array(v.unknown()) });

/**
 * Returns the wait that the server requests in a client's error, in milliseconds: HTTP's `Retry-After`, in seconds or
 * as a date, or gRPC's RetryInfo. At most five minutes.
 */
export function retryAfterOf(thrown: unknown, now = Date.now()): number | undefined {
  const ms = v.is(httpError, thrown) ? msOfHeader(headerOf(thrown.response.headers), now) : msOfDetails(thrown);
  return ms > 0 ? Math.min(ms, MAX_MS) : undefined;
}

function headerOf(headers: Headers | Record<string, unknown>): unknown {
  return headers instanceof Headers ? headers.get('retry-after') : headers['retry-after'];
}

/** Follows https://www.rfc-editor.org/rfc/rfc9110#name-retry-after; NaN for anything else. */
function msOfHeader(value: unknown, now: number): number {
  if (typeof value !== 'string' || value === '') return Number.NaN;
  const seconds = Number(value);
  return Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1_000;
}

function msOfDetails(thrown: unknown): number {
  if (!v.is(grpcError, thrown)) return Number.NaN;
  for (const detail of thrown.statusDetails) {
    const { success, output } = v.safeParse(retryInfo, detail);
    if (success) return output.retryDelay.seconds * 1_000 + output.retryDelay.nanos / 1e6;
  }
  return Number.NaN;
}
