/** An error as the JSON API answers it, see https://cloud.google.com/storage/docs/json_api/v1/status-codes. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }

  /** The answer to a call; a download gets the bare message as text, as from the real service. */
  toResponse(asText: boolean): Response {
    const { status, message, reason } = this;
    if (status === 304) return new Response(null, { status });
    if (asText) return new Response(message, { status });
    return Response.json({ error: { code: status, message, errors: [{ message, domain: 'global', reason }] } }, this);
  }
}

export const invalid = (message: string) => new StorageError(400, 'invalid', message);

export const notFound = (message: string) => new StorageError(404, 'notFound', message);

/** What the service can do and the sandbox cannot: refused, so that no wrong answer passes for a right one. */
export const notImplemented = (what: string) =>
  new StorageError(501, 'notImplemented', `The sandbox's Cloud Storage does not have ${what}.`);
