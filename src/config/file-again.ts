import { readFileSync } from 'node:fs';
import { FatalError, toError } from '../core/errors.ts';

/**
 * Reads a file now, and again at each call: secrets and certificates are renewed under the same name. When it cannot be
 * read later, the call returns what the file held before, and `onProblem` gets the reason.
 *
 * @param setting the setting that names the file.
 * @param parse makes the value of the text; what it throws is a problem of the file.
 * @throws FatalError naming setting and file, if the first reading fails.
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

/** A secret as Kubernetes and Docker mount it: line breaks at its end are not a part of it. */
export function secretIn(text: string): string {
  const secret = text.replace(/[\r\n]+$/, '');
  if (secret === '') throw new Error('the file is empty');
  return secret;
}
