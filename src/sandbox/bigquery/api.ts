const STATUSES: Readonly<Record<number, string>> = {
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
};

/** A failure in the API's format, see https://cloud.google.com/bigquery/docs/error-messages. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }

  toResponse(): Response {
    const { code, message, reason } = this;
    const where = reason === 'invalidQuery' ? { location: 'query', locationType: 'parameter' } : {};
    const errors = [{ message, domain: 'global', reason, ...where }];
    const error = { code, message, errors, status: STATUSES[code] ?? 'INVALID_ARGUMENT' };
    return Response.json({ error }, { status: code });
  }
}

/** Uses the words of https://cloud.google.com/bigquery/docs/error-messages for the resource of a call. */
export function accessDenied(permission: string, { project, dataset, table }: Call): ApiError {
  const name = [`${project}:${dataset}`, table].filter(Boolean).join('.');
  const [kind, about] = dataset === '' ? ['Project', project] : [table === '' ? 'Dataset' : 'Table', name];
  const denied = `Permission ${permission} denied on ${kind.toLowerCase()} ${about} (or it may not exist).`;
  return new ApiError(403, 'accessDenied', `Access Denied: ${kind} ${about}: ${denied}`);
}

export const notFound = (what: string): ApiError => new ApiError(404, 'notFound', `Not found: ${what}`);
export const alreadyExists = (what: string): ApiError => new ApiError(409, 'duplicate', `Already Exists: ${what}`);
export const invalid = (message: string): ApiError => new ApiError(400, 'invalid', message);
export const invalidQuery = (message: string): ApiError => new ApiError(400, 'invalidQuery', message);
/** Refuses a feature of the service that the sandbox lacks, so that no wrong answer passes as correct. */
export const unsupported = (what: string): ApiError => invalidQuery(`${what} is not supported by the local sandbox`);

/**
 * Returns the error of a call that the sandbox lacks. Never "not found", which clients treat as an answer about a
 * resource.
 */
export const notImplemented = (call: string): ApiError =>
  new ApiError(501, 'notImplemented', `${call} is not implemented by the local sandbox`);

/** One call with its decoded path; parts that the operation's path lacks are empty. */
export interface Call extends Readonly<Record<'project' | 'dataset' | 'table' | 'job', string>> {
  readonly query: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown>;
  /** The raw body. */
  readonly text: string;
  /** Parses the body again; numbers with more digits than a double holds become WideNumbers. */
  readonly losslessBody: () => Record<string, unknown>;
}

/** Operations by name as in Google's reference, method, and path below the root. They return the response body. */
export type Operations = Readonly<Record<`${string} ${string} /${string}`, (call: Call) => unknown>>;

/** The service limits a page by bytes (10 MB), the sandbox by rows. */
const MAX_PAGE_ROWS = 10_000;

/** Returns the requested part of `total` rows, `from` to before `to`, and the token of the next part. */
export function pageOf(total: number, { pageToken, startIndex, maxResults }: Record<string, unknown>) {
  const from = Number(pageToken ?? startIndex ?? 0);
  const limit = Math.min(Number(maxResults ?? MAX_PAGE_ROWS), MAX_PAGE_ROWS);
  if (!(from >= 0 && limit >= 0)) throw invalid('Invalid page token or size.');
  const to = Math.max(from, Math.min(total, from + limit));
  return { from, to, token: to < total ? String(to) : undefined };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(from: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = from[key];
  return isObject(value) ? value : {};
}
