import { PoisonError } from '../../core/errors.ts';
import { callSync, type Drop, drop, stringResult } from '../../core/hook-result.ts';
import { type Message, utcTime } from '../../core/message.ts';
import { keyPath, MessageView, validPath } from '../../core/message-path.ts';
import { memoize } from '../../util/memoize.ts';

/** Names the group of a message, which is the folder of its object, or drops the message. `hooks.ts` may replace it. */
export type BatchKeyOf = (message: Message) => string | Drop;

/** Wraps a pipeline's own hook: an error, or a result that is not a string, affects only the current message. */
export function checkedBatchKey(batchKey: BatchKeyOf): BatchKeyOf {
  return (message) => {
    const key = callSync('batchKey', () => batchKey(message));
    return key === drop ? drop : stringResult('batchKey', key);
  };
}

/** Object names have at most 1,024 bytes; the rest is for prefix and hash. */
export const MAX_KEY_BYTES = 700;
/** The longest part of an object's name that a location may take, in characters. */
const MAX_PART = 128;
/** NFC composes at most four characters to one, but sorts long runs of accents in quadratic time. */
const MAX_COMPOSED = 16 * MAX_PART;
const REMEMBERED_LOCATIONS = 10_000;

/** Attribute that tests use to file messages under another day. */
const TEST_TIME = 'test_publish_time';

/**
 * Returns a function for `YYYY/MM/DD[/<location>]`, from a message's time (UTC) and the first path with a location.
 *
 * @param acceptTestTime true to prefer the attribute `test_publish_time` to the time at the path.
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

/** Converts a batch key to a path of safe parts. Throws a PoisonError if it is too long for an object's name. */
export function safePath(batchKey: string): string {
  const path = batchKey.split('/').map(safePart).join('/');
  if (Buffer.byteLength(path) > MAX_KEY_BYTES) {
    throw new PoisonError('rejected', `a batch key has at most ${MAX_KEY_BYTES} bytes`);
  }
  return path;
}

/** Characters that end a part, are invisible, change text direction, or are patterns to `gsutil` and shells. */
const UNSAFE = /[\p{Cc}\p{Cf}/\\#?*[\]]/gu;

/** Converts a text to one part of an object's name: never `.` or `..`, never empty, at most 128 characters. */
export function safePart(text: string): string {
  // A lone surrogate, from the message or from the cut, cannot be encoded in UTF-8.
  const safe = text.slice(0, MAX_COMPOSED).normalize('NFC').replace(UNSAFE, '_').slice(0, MAX_PART).toWellFormed();
  return safe === '' || /^\.+$/.test(safe) ? '_' : safe;
}
