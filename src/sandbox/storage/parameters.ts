import { invalidParameter, notImplemented, required, StorageError } from './storage-error.ts';

/**
 * Parameters of the JSON API that change a result and that the sandbox lacks. Unknown parameters are ignored, as by the
 * service: its own Node.js client sends some.
 */
const UNSUPPORTED = [
  'callback',
  'copySourceAcl',
  'destinationKmsKeyName',
  'dropContextGroups',
  'filter',
  'includeFoldersAsPrefixes',
  'includeTrailingDelimiter',
  'kmsKeyName',
  'matchGlob',
  'restoreToken',
  'returnPartialSuccess',
  'softDeleted',
];

const OBJECT_ACLS = [
  'authenticatedRead',
  'bucketOwnerFullControl',
  'bucketOwnerRead',
  'private',
  'projectPrivate',
  'publicRead',
];

const VALUES: Readonly<Record<string, readonly string[]>> = {
  alt: ['json', 'media'],
  projection: ['full', 'noAcl'],
  predefinedDefaultObjectAcl: OBJECT_ACLS,
};

const NUMBERS = [
  'generation',
  'ifGenerationMatch',
  'ifGenerationNotMatch',
  'ifMetagenerationMatch',
  'ifMetagenerationNotMatch',
  'maxResults',
];

const BUCKET_ACLS = ['authenticatedRead', 'private', 'projectPrivate', 'publicRead', 'publicReadWrite'];

const PROJECT = /^(?:[a-z0-9.-]+:)?[a-z](?:[a-z0-9-]*[a-z0-9])?$|^\d+$/;

/**
 * Throws 400 for a parameter that the sandbox lacks, or a value that the service refuses. Empty values and `false` have
 * no effect: Google's Go client sends every parameter of a list.
 */
export function checkParameters(query: URLSearchParams, isAboutObjects: boolean): void {
  for (const [name, value] of query) {
    if (UNSUPPORTED.includes(name) && !['', 'false'].includes(value.toLowerCase())) {
      throw notImplemented(`the parameter ${name}`);
    }
    const allowed = name === 'predefinedAcl' ? (isAboutObjects ? OBJECT_ACLS : BUCKET_ACLS) : VALUES[name];
    if (allowed?.includes(value) === false) {
      if (name === 'alt') throw new StorageError(400, 'invalidAltValue', `Invalid alt value: ${value}`);
      throw invalidParameter(name, value);
    }
    if (NUMBERS.includes(name) && !/^\d+$/.test(value)) throw invalidParameter(name, value);
    if (name === 'userProject' && !PROJECT.test(value)) {
      throw new StorageError(400, 'userProjectInvalid', `User project specified in the request is invalid: ${value}`);
    }
  }
}

/** Reads a boolean in any case, because Google's Python client sends `True`; empty is false. */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)?.toLowerCase() || 'false';
  if (value !== 'true' && value !== 'false') throw invalidParameter(name, value);
  return value === 'true';
}

export function requiredParameter(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (!value) throw required(name);
  return value;
}
