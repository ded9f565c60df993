/** A failure as the BigQuery API answers it; `location` names the part of the request, e.g. `query`. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly status: string;
  readonly location: string | undefined;

  constructor(code: number, reason: string, status: string, message: string, location?: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.status = status;
    this.location = location;
  }

  /** The JSON body, see https://cloud.google.com/bigquery/docs/error-messages. */
  body(): Record<string, unknown> {
    const { code, message, reason, status, location } = this;
    const detail = { message, domain: 'global', reason };
    const where = location === undefined ? {} : { location, locationType: 'parameter' };
    return { error: { code, message, errors: [{ ...detail, ...where }], status } };
  }
}

/** `what` is worded as the service does: `Table project:dataset.table`. */
export const notFound = (what: string): ApiError => new ApiError(404, 'notFound', 'NOT_FOUND', `Not found: ${what}`);

export const alreadyExists = (what: string): ApiError =>
  new ApiError(409, 'duplicate', 'ALREADY_EXISTS', `Already Exists: ${what}`);

export const invalid = (message: string): ApiError => new ApiError(400, 'invalid', 'INVALID_ARGUMENT', message);

export const invalidQuery = (message: string): ApiError =>
  new ApiError(400, 'invalidQuery', 'INVALID_ARGUMENT', message, 'query');

/** What the real service can do and the sandbox cannot: refused, so that no wrong answer passes for a right one. */
export const unsupported = (what: string): ApiError => invalid(`${what} is not supported by the local sandbox.`);
