/** Codes of the XML API, see https://cloud.google.com/storage/docs/xml-api/reference-status. */
const CODES: Readonly<Record<number, string>> = {
  400: 'InvalidArgument',
  403: 'AccessDenied',
  404: 'NoSuchKey',
  405: 'MethodNotAllowed',
  412: 'PreconditionFailed',
  416: 'InvalidRange',
  429: 'SlowDown',
  503: 'ServiceUnavailable',
};

interface Failure {
  readonly status: number;
  readonly message: string;
  /** The code, if it differs from the status's. */
  readonly xmlCode: string | undefined;
}

/** Formats an error for the XML API. */
export function xmlError({ status, message, xmlCode = CODES[status] ?? 'InternalError' }: Failure): Response {
  const body = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${xmlCode}</Code><Message>${escaped(message)}</Message></Error>`;
  return new Response(body, { status, headers: { 'content-type': 'application/xml; charset=UTF-8' } });
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
