import { readFileSync } from 'node:fs';
import { FatalError, toError } from '../core/errors.ts';

/**
 * Reads a file now, and again on each call, because secrets and certificates are renewed in place. If a later read
 * fails, the call returns the previous value, and `onProblem` gets the reason.
 *
 * @param setting the setting that names the file.
 * @param parse converts the text to the value; an error it throws is a problem of the file.
 * @throws FatalError naming setting and file, if the first read fails.
 */
export function fileAgain<T>(
  setting: string,
  file: string,
  parse: (text: string) => T,
  onProblem: (problem: string) => void,
): () => T {
  const read = (): T => {
    try {
      return parse(readFileSync(file, 'utf8'));
    } catch (thrown) {
      throw new FatalError(`${setting}: ${file}: ${toError(thrown).message}`, { cause: thrown });
    }
  };
  let last = read();
  return () => {
    try {
      last = read();
    } catch (thrown) {
      onProblem(toError(thrown).message);
    }
    return last;
  };
}

/** Returns a secret as mounted by Kubernetes and Docker, without trailing line breaks. */
export function secretIn(text: string): string {
  const secret = text.replace(/[\r\n]+$/, '');
  if (secret === '') throw new Error('the file is empty');
  return secret;
}
