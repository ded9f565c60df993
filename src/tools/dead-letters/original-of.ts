import type { Storage } from '@google-cloud/storage';
import { answerOf } from '../../connectors/google/bounded-call.ts';
import { asHttpError } from '../../connectors/google/errors.ts';
import { errorCode, PoisonError, toError } from '../../core/errors.ts';
import type { Original } from '../../core/message.ts';
import { decodeOriginal } from '../../dead-letters/dead-letter-object.ts';
import { type DeadLetter, originalAttributes } from '../../dead-letters/read-dead-letter.ts';
import { retryFor } from '../../operators/retry.ts';

const TIMEOUT_MS = 120_000;
const NOT_FOUND = 404;

/**
 * Returns the original of a dead letter, from the object it points to if there is one, without the attributes added by
 * dead-lettering. Rejects with a PoisonError if the object is missing or has changed.
 */
export async function originalOf(deadLetter: DeadLetter, storage: () => Storage): Promise<Original> {
  const { object } = deadLetter;
  if (object === undefined) return deadLetter.original;
  const [, bucket, name] = /^gs:\/\/([^/]+)\/(dead-letters\/.+)$/.exec(object) ?? [];
  if (bucket === undefined || name === undefined)
    throw new PoisonError('rejected', `${object} is not a dead letter's object`);
  const file = storage().bucket(bucket).file(name);
  const [content] = await retryFor(
    () => answerOf(object, () => file.download(), TIMEOUT_MS),
    (thrown) =>
      Number(errorCode(thrown)) === NOT_FOUND
        ? new PoisonError('rejected', `${object} is missing`)
        : asHttpError(thrown),
  );
  try {
    const original = decodeOriginal(name, content);
    return { ...original, attributes: originalAttributes(original.attributes) };
  } catch (thrown) {
    throw new PoisonError('rejected', `${object}: ${toError(thrown).message}`, { cause: thrown });
  }
}
