import { PoisonError } from '../../core/errors.ts';
import { callSync, type Drop, drop, stringResult } from '../../core/hook-result.ts';
import { type Message, utcTime } from '../../core/message.ts';
import { keyPath, MessageView, validPath } from '../../core/message-path.ts';
import { memoize } from '../../util/memoize.ts';

/** Names the group of a message, as the folder of its object, or leaves the message out. `hooks.ts` may replace it. */
export type BatchKeyOf = (message: Message) => string | Drop;

/** Checks what a pipeline's own hook returns: what it throws, or returns beside a string, costs the message at hand. */
export function checkedBatchKey(batchKey: BatchKeyOf): BatchKeyOf {
  return (message) => {
    const key = callSync('batchKey', () => batchKey(message));
    return key === drop ? drop : stringResult('batchKey', key);
  };
}

/** Object names have at most 1,024 bytes; the rest is for prefix and hash. */
export const MAX_KEY_BYTES = 700;
/** Longest part of an object's name that a location may take, in characters. */
const MAX_PART = 128;
/** NFC makes one character of at most four; and it sorts long rows of accents in time that grows with their square. */
const MAX_COMPOSED = 16 * MAX_PART;
const REMEMBERED_LOCATIONS = 10_000;

/** The attribute by which tests file messages under another day. */
const TEST_TIME = 'test_publish_time';

/**
 * `YYYY/MM/DD[/<location>]`, from a message's time (UTC) and the first path that leads to a location.
 *
 * @param acceptTestTime the attribute `test_publish_time` goes before the time at the path.
 */
export function batchKeyBy(
  timePath: string,
  locationPaths: readonly string[],
  acceptTestTime = false,
): (message: Message) => string {
  const readTime = validPath(timePath);
  const readLocations = locationPaths.map(keyPath);
  const part = memoize(safePart, REMEMBERED_LOCATIONS);
  return (message) => {
    const view = new MessageView(message);
    const testTime = acceptTestTime ? message.attributes[TEST_TIME] : undefined;
    const value = testTime ?? readTime(view);
    const time = typeof value === 'string' ? utcTime(value) : undefined;
    if (time === undefined) {
      const place = testTime === undefined ? timePath : `attributes.${TEST_TIME}`;
      throw new PoisonError('rejected', `no RFC 3339 time at "${place}" to file it under`);
    }
    const day = `${time.slice(0, 4)}/${time.slice(5, 7)}/${time.slice(8, 10)}`;
    for (const read of readLocations) {
      const location = read(view);
      if (location !== undefined) return `${day}/${part(location)}`;
    }
    return day;
  };
}

/** A batch key as a path of safe parts. Throws a PoisonError if it is too long for an object's name. */
export function safePath(batchKey: string): string {
  const path = batchKey.split('/').map(safePart).join('/');
  if (Buffer.byteLength(path) > MAX_KEY_BYTES) {
    throw new PoisonError('rejected', `a batch key has at most ${MAX_KEY_BYTES} bytes`);
  }
  return path;
}

/** Characters that end a part, are invisible, turn text around, or are patterns to `gsutil` and shells. */
const UNSAFE = /[\p{Cc}\p{Cf}/\\#?*[\]]/gu;

/** A text as one part of an object's name: never `.` or `..`, never empty, at most 128 characters. */
export function safePart(text: string): string {
  // Half of a surrogate pair, from the message or from the cut, cannot be written in UTF-8.
  const safe = text.slice(0, MAX_COMPOSED).normalize('NFC').replace(UNSAFE, '_').slice(0, MAX_PART).toWellFormed();
  return safe === '' || /^\.+$/.test(safe) ? '_' : safe;
}
