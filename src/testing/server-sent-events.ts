import { request } from 'node:http';

/** A stream of server-sent events that is being read. */
export interface ServerSentEvents<T> {
  /** The data of the events so far, parsed. */
  readonly events: readonly T[];
  /** True from the answer's headers until its end. */
  readonly isOpen: boolean;
  close(): void;
}

/** Reads a stream of events whose data are JSON, with any headers. */
export function readServerSentEvents<T>(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): ServerSentEvents<T> {
  const events: T[] = [];
  let isOpen = false;
  let rest = '';
  const asked = request(url, { headers }, (response) => {
    isOpen = response.statusCode === 200;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) if (part.startsWith('data: ')) events.push(JSON.parse(part.slice(6)));
    });
    response.once('close', () => {
      isOpen = false;
    });
  });
  asked.on('error', () => {
    isOpen = false;
  });
  asked.end();
  return {
    events,
    get isOpen() {
      return isOpen;
    },
    close: () => asked.destroy(),
  };
}
