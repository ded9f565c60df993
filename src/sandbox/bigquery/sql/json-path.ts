import { invalidQuery } from '../api.ts';

const STEP = /\.([\p{L}_][\p{L}\p{N}_-]*)|\.?"((?:[^"\\]|\\.)*)"|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/uy;

/** Converts a GoogleSQL JSONPath to DuckDB's, quoting names so that they have no special meaning. */
export function jsonPath(path: string): string {
  const fail = () => invalidQuery(`Invalid token in JSONPath at: ${path}`);
  if (!path.startsWith('$')) throw invalidQuery(`JSONPath must start with '$': ${path}`);
  let [at, result] = [1, '$'];
  while (at < path.length) {
    STEP.lastIndex = at;
    const found = STEP.exec(path);
    if (found === null) throw fail();
    const [all, plain, quoted, index, bracketed] = found;
    const name = plain ?? quoted ?? bracketed;
    if (name?.includes('"') || name?.includes('\\')) throw fail();
    result += index === undefined ? `."${name}"` : `[${index}]`;
    at += all.length;
  }
  return result;
}
