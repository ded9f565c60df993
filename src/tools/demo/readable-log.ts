import type { DestinationStream } from 'pino';
import { isJsonObject } from '../../util/json/lossless-json.ts';
import { oneLine } from '../dead-letters/printable.ts';

/** Members of a log line that every line has, or that say nothing on a terminal. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'level',
  'time',
  'service',
  'pipeline',
  'version',
  'instance',
  'event',
  'msg',
  'pid',
  'hostname',
]);

/**
 * Turns the log lines of services into lines for people: `12:00:01 enrich  message went to dead-letter  reason: no_key`.
 *
 * @param isQuiet true while services start and stop: that they are not ready is then no news.
 */
export function readableLog(write: (line: string) => void, isQuiet: () => boolean): DestinationStream {
  return {
    write: (text) => {
      for (const line of text.split('\n')) {
        const shown = line === '' ? undefined : readable(line, isQuiet());
        if (shown !== undefined) write(shown);
      }
    },
  };
}

function readable(line: string, isQuiet: boolean): string | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return oneLine(line);
  }
  if (!isJsonObject(entry)) return oneLine(line);
  if (isQuiet && entry.event === 'service.not_ready') return undefined;
  const time = new Date(Number(entry.time)).toISOString().slice(11, 19);
  const details = Object.entries(entry)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return oneLine([`${time} ${entry.service}`, String(entry.msg), ...details].join('  '));
}
