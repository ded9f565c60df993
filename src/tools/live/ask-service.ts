import { FatalError, toError } from '../../core/errors.ts';

export interface AskOptions {
  /** Address of the service. */
  readonly url: string;
  /** Its `http.token`. */
  readonly token?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads a stream of server-sent events with JSON data from a service, until the stream ends.
 *
 * @throws FatalError if the address is invalid, or with the service's message if it refuses the request.
 */
export async function* openEvents<T>(path: string, asking: AskOptions): AsyncGenerator<T> {
  const { url } = asking;
  const response = await ask(path, asking);
  if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream') || response.body === null) {
    throw new FatalError(`${url} is not the address of a service: the response is not an event stream`);
  }
  let rest = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.startsWith('data: ')) yield JSON.parse(part.slice('data: '.length));
  }
}

/**
 * Reads one JSON value from a service.
 *
 * @throws FatalError as `openEvents` does.
 */
export async function getJson<T>(path: string, asking: AskOptions): Promise<T> {
  const response = await ask(path, asking);
  if (!(response.headers.get('content-type') ?? '').startsWith('application/json')) {
    throw new FatalError(`${asking.url} is not the address of a service: the response is not JSON`);
  }
  const value: T = JSON.parse(await response.text());
  return value;
}

async function ask(path: string, { url, token, signal }: AskOptions): Promise<Response> {
  const response = await request(addressOf(url, path), token, signal);
  if (response.status === 503) throw new Error(`${url}: ${(await response.text()).trim()}`);
  if (!response.ok) throw new FatalError(await refusal(url, response));
  return response;
}

/** @throws FatalError if it is not an HTTP address. */
function addressOf(url: string, path: string): URL {
  const withScheme = /^[a-z]+:\/\//i.test(url) ? url : `http://${url}`;
  if (!URL.canParse(withScheme) || !/^https?:$/.test(new URL(withScheme).protocol)) {
    throw new FatalError(`${JSON.stringify(url)} is not an address; expected one such as http://127.0.0.1:8080`);
  }
  return new URL(path, withScheme.endsWith('/') ? withScheme : `${withScheme}/`);
}

async function request(address: URL, token: string | undefined, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    return await fetch(address, { signal, headers });
  } catch (thrown) {
    const { message, cause } = toError(thrown);
    throw new Error(`${address.origin} cannot be reached: ${cause instanceof Error ? cause.message : message}`, {
      cause: thrown,
    });
  }
}

async function refusal(url: string, response: Response): Promise<string> {
  const said = (await response.text()).trim();
  // The response of a server without this path.
  if (response.status === 404 && /^404 Not Found$/i.test(said)) {
    return `${url} serves no live page: http.page is false, or it is another server`;
  }
  return said === '' ? `${url} answers ${response.status}` : said;
}
