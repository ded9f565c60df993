/**
 * An error as the JSON API answers it: `{error: {code, message, errors: [{message, domain, reason}]}}`. Status, reason
 * and wording follow https://cloud.google.com/storage/docs/json_api/v1/status-codes.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly status: number;
  readonly reason: string;
  /** Where the fault lies, for reasons that say so: `{locationType: 'header', location: 'If-Match'}`. */
  readonly place: Readonly<Record<string, string>>;

  constructor(status: number, reason: string, message: string, place: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.place = place;
  }

  /** The answer to a call; a media download gets the bare message as text, as from the real service. */
  toResponse(asText = false): Response {
    const status = this.status;
    if (status === 304) return new Response(null, { status });
    if (asText) return new Response(this.message, { status, headers: { 'content-type': 'text/html; charset=UTF-8' } });
    const detail = { message: this.message, domain: 'global', reason: this.reason, ...this.place };
    return Response.json({ error: { code: status, message: this.message, errors: [detail] } }, { status });
  }
}

export const invalid = (message: string) => new StorageError(400, 'invalid', message);

export const required = (parameter: string) =>
  new StorageError(400, 'required', `Required parameter: ${parameter}`, {
    locationType: 'parameter',
    location: parameter,
  });

export const bucketNotFound = () => new StorageError(404, 'notFound', 'The specified bucket does not exist.');

export const objectNotFound = (bucket: string, object: string) =>
  new StorageError(404, 'notFound', `No such object: ${bucket}/${object}`);

export const conflict = (message: string) => new StorageError(409, 'conflict', message);

export const conditionNotMet = () =>
  new StorageError(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.', {
    locationType: 'header',
    location: 'If-Match',
  });

export const notModified = () => new StorageError(304, 'notModified', 'Not Modified');

export const notImplemented = (what: string) =>
  new StorageError(501, 'notImplemented', `The sandbox's Cloud Storage does not have ${what}.`);
