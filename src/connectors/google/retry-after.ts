import * as v from 'valibot';

/** A server that asks for more is tried all the same. */
const MAX_MS = 300_000;

/** An error of the HTTP clients. Some have headers as a plain object, others as `Headers`. */
const httpError = v.object({ response: v.object({ headers: v.union([v.instance(Headers), v.looseObject({})]) }) });

/** A number, a text, or the Long of a protobuf library. */
const seconds = v.pipe(v.unknown(), v.transform(Number), v.finite());
/** The google.rpc.RetryInfo among the details of a gRPC error: https://google.aip.dev/193 */
const retryInfo = v.object({
  retryDelay: v.object({ seconds: v.optional(seconds, 0), nanos: v.optional(seconds, 0) }),
});
const grpcError = v.object({ statusDetails: v.array(v.unknown()) });

/**
 * Reads from a client's error how long the server asks to be left alone, in milliseconds: `Retry-After` of HTTP, as
 * seconds or as a date, and RetryInfo of gRPC. At most five minutes.
 */
export function retryAfterOf(thrown: unknown, now = Date.now()): number | undefined {
  const ms = v.is(httpError, thrown) ? msOfHeader(headerOf(thrown.response.headers), now) : msOfDetails(thrown);
  return ms > 0 ? Math.min(ms, MAX_MS) : undefined;
}

function headerOf(headers: Headers | Record<string, unknown>): unknown {
  return headers instanceof Headers ? headers.get('retry-after') : headers['retry-after'];
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-retry-after; NaN for anything else. */
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
