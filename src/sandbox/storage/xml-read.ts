import type { Call } from './call.ts';
import { download } from './download.ts';
import { checkCustomerKey, customerKeyOf } from './encryption.ts';
import { isJsonObject } from './json-object.ts';
import { checkPreconditions } from './resource.ts';
import { invalid, notImplemented } from './storage-error.ts';

/** An object in the path of an XML call. */
export interface XmlPath {
  readonly bucket: string;
  /** Empty in the path of a bucket. */
  readonly object: string;
}

/**
 * Paths of the JSON API, with and without /storage/v1. A bucket cannot be called `b`; one called `storage` is read by
 * JSON.
 */
const JSON_PATH = /^\/(?:b|batch|channels|projects)(?:\/|$)|^\/(?:download\/|upload\/)?storage\/v1(?:\/|$)/;

/** Splits the path of an XML call, `/bucket/object`; undefined for the root and for paths of the JSON API. */
export function xmlPathOf(url: string): XmlPath | undefined {
  const { pathname } = new URL(url);
  const [, bucket = '', object = ''] = /^\/([^/]+)(?:\/(.*))?$/s.exec(pathname) ?? [];
  if (bucket === '' || JSON_PATH.test(pathname)) return undefined;
  try {
    return { bucket: decodeURIComponent(bucket), object: decodeURIComponent(object) };
  } catch {
    return { bucket, object };
  }
}

/** Subresources and overrides of the XML API that change the response to a GET of an object. */
const UNSUPPORTED = /^(?:acl|tagging|uploadId|response-.*)$/;

/** The preconditions of the XML API, and their parameters in the JSON API. */
const CONDITIONS = [
  ['x-goog-if-generation-match', 'ifGenerationMatch'],
  ['x-goog-if-metageneration-match', 'ifMetagenerationMatch'],
] as const;

/** Custom metadata whose name is not a valid header is omitted. */
const IS_HEADER = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * Reads an object by the XML API, as Google's Go client does: GET for content, HEAD for the headers, which include
 * custom metadata. https://cloud.google.com/storage/docs/xml-api/get-object-download
 */
export function readByXml(call: Call): Response {
  const { state, request, headers, query } = call;
  if (call.object === '') throw notImplemented(`the XML call ${request.method} of a bucket`);
  const unsupported = [...query.keys()].find((name) => UNSUPPORTED.test(name));
  if (unsupported !== undefined) throw notImplemented(`the parameter ${unsupported} of the XML API`);
  const object = state.object(call.bucket, call.object, query.get('generation'));
  checkPreconditions({ query: conditionsOf(headers), headers }, object.resource, true);
  checkCustomerKey(object.resource, customerKeyOf(request), true);
  const response = download(request, object);
  const { metadata } = object.resource;
  for (const [name, value] of Object.entries(isJsonObject(metadata) ? metadata : {})) {
    if (!IS_HEADER.test(name) || /\p{Cc}/u.test(String(value))) continue;
    response.headers.set(`x-goog-meta-${name}`, Buffer.from(String(value)).toString('latin1'));
  }
  return response;
}

function conditionsOf(headers: Headers): URLSearchParams {
  const query = new URLSearchParams();
  for (const [header, parameter] of CONDITIONS) {
    const value = headers.get(header);
    if (value === null) continue;
    if (!/^\d+$/.test(value)) throw invalid(`Invalid value for ${header}: ${value}`);
    query.set(parameter, value);
  }
  return query;
}
