import { xmlError } from './xml-error.ts';

/** The part of a request that an error refers to. */
interface Location {
  readonly locationType: 'header' | 'parameter';
  readonly location: string;
}

/** The format of a call's errors: the JSON API's, the plain message of a download, or the XML API's. */
export type ErrorFormat = 'json' | 'text' | 'xml';

/** An error in the JSON API's format, see https://cloud.google.com/storage/docs/json_api/v1/status-codes. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly status: number;
  readonly reason: string;
  readonly location: Location | undefined;
  /** The XML API's code, if more specific than the status. */
  readonly xmlCode: string | undefined;

  constructor(status: number, reason: string, message: string, location?: Location, xmlCode?: string) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.location = location;
    this.xmlCode = xmlCode;
  }

  /** Creates the response to a call; a download gets the plain message as text, as from the real service. */
  toResponse(format: ErrorFormat): Response {
    const { status, message, reason } = this;
    if (status === 304) return new Response(null, { status });
    if (format === 'text') return new Response(message, { status });
    if (format === 'xml') return xmlError(this);
    const errors = [{ message, domain: 'global', reason, ...this.location }];
    return Response.json({ error: { code: status, message, errors } }, { status });
  }
}

export const invalid = (message: string) => new StorageError(400, 'invalid', message);

/** A request that does not fit the settings of its bucket. */
export const badRequest = (message: string) => new StorageError(400, 'badRequest', message);

export const required = (parameter: string) =>
  new StorageError(400, 'required', `Required parameter: ${parameter}`, {
    locationType: 'parameter',
    location: parameter,
  });

export const invalidParameter = (parameter: string, value: string) =>
  new StorageError(400, 'invalidParameter', `Invalid value for ${parameter}: ${value}`, {
    locationType: 'parameter',
    location: parameter,
  });

export const notFound = (message: string) => new StorageError(404, 'notFound', message);

export const bucketNotFound = () =>
  new StorageError(404, 'notFound', 'The specified bucket does not exist.', undefined, 'NoSuchBucket');

/** The service answers a failed precondition and a refused kind of encryption the same way, except for the message. */
export const conditionNotMet = (message = 'At least one of the pre-conditions you specified did not hold.') =>
  new StorageError(412, 'conditionNotMet', message, { locationType: 'header', location: 'If-Match' });

const RESOURCES = {
  object: 'Google Cloud Storage object',
  bucket: 'Google Cloud Storage bucket',
  project: 'Google Cloud project',
};

/** The single identity of a sandbox, which has no accounts. */
const CALLER = 'caller@sandbox.iam.gserviceaccount.com';

/** The caller lacks an IAM permission on an object, a bucket or the project. */
export const forbidden = (permission: string, what: keyof typeof RESOURCES) =>
  new StorageError(
    403,
    'forbidden',
    `${CALLER} does not have ${permission} access to the ${RESOURCES[what]}. Permission '${permission}' denied on resource (or it may not exist).`,
  );

/**
 * Refuses a feature of the service that the sandbox lacks, so that no wrong answer passes as correct. Uses 400, because
 * Google's Go client repeats a call after any 5xx until its context ends.
 */
export const notImplemented = (what: string) =>
  new StorageError(
    400,
    'notImplemented',
    `The sandbox's Cloud Storage does not have ${what}.`,
    undefined,
    'NotImplemented',
  );

const REASONS: Readonly<Record<number, string>> = {
  400: 'invalid',
  401: 'authError',
  403: 'forbidden',
  404: 'notFound',
  405: 'methodNotAllowed',
  408: 'uploadBrokenConnection',
  409: 'conflict',
  412: 'conditionNotMet',
  413: 'uploadTooLarge',
  416: 'requestedRangeNotSatisfiable',
  429: 'rateLimitExceeded',
};

/** Returns the documented reason of a status, or `backendError`. */
export const reasonOf = (status: number): string => REASONS[status] ?? 'backendError';
