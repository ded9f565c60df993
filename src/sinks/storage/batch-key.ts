import { PoisonError } from '../../core/errors.ts';
import { type Message, utcTime } from '../../core/message.ts';
import { keyText, MessageView, validPath } from '../../core/message-path.ts';

/** Names the group of a message, as the folder of its object. `hooks.ts` may replace it. */
export type BatchKeyOf = (message: Message) => string;

/** Longest part of an object's name that a location may take, in characters. */
const MAX_PART = 128;

/** `YYYY/MM/DD[/<location>]`, from a message's time (UTC) and the first path that leads to a location. */
export function batchKeyBy(timePath: string, locationPaths: readonly string[]): BatchKeyOf {
  const readTime = validPath(timePath);
  const readLocations = locationPaths.map(validPath);
  return (message) => {
    const view = new MessageView(message);
    const value = readTime(view);
    const time = typeof value === 'string' ? utcTime(value) : undefined;
    if (time === undefined) throw new PoisonError('rejected', `no RFC 3339 time at "${timePath}" to file it under`);
    const day = `${time.slice(0, 4)}/${time.slice(5, 7)}/${time.slice(8, 10)}`;
    for (const read of readLocations) {
      const location = keyText(read(view));
      if (location !== undefined) return `${day}/${safePart(location)}`;
    }
    return day;
  };
}

/** What would end a part, is invisible, or is a pattern to `gsutil` and shells. */
const UNSAFE = /[\p{Cc}/\\#?*[\]]/gu;

/** A text as one part of an object's name: never `.` or `..`, never empty, at most 128 characters. */
export function safePart(text: string): string {
  // Half of a surrogate pair, from the message or from the cut, cannot be written in UTF-8.
  const safe = text.normalize('NFC').replace(UNSAFE, '_').slice(0, MAX_PART).toWellFormed();
  return safe === '' || /^\.+$/.test(safe) ? '_' : safe;
}
