import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['src', 'e2e', 'bench', 'docs'];
const FAULTS = '.faults.test.ts';

/** Test files to run, and the required part of a test's title; `''` selects all tests. */
export interface Selection {
  readonly files: readonly string[];
  readonly name: string;
}

/** Long files first, so that no core is idle at the end. */
function byExpectedTime(one: string, other: string): number {
  const rank = (file: string) =>
    file.endsWith(FAULTS) ? 0 : file.startsWith('e2e/flows/') ? 1 : file.startsWith('e2e/') ? 2 : 3;
  return rank(one) - rank(other) || one.localeCompare(other);
}

/** Returns the fixed parts of a file's strings: a title may be a template. */
function fixedParts(source: string): string[] {
  const strings = source.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g);
  return Array.from(strings, ([, single, double, template]) => single ?? double ?? template ?? '')
    .flatMap((string) => string.split(/\$\{[^}]*\}/))
    .map((part) => part.replaceAll(/\\(.)/g, '$1'));
}

/** Returns whether a file may have a test with `name` in its title; a template's variable parts match anything. */
function mayHaveTitle(file: string, name: string): boolean {
  return fixedParts(readFileSync(resolve(ROOT, file), 'utf8')).some(
    (part) => part.includes(name) || (part.trim().length >= 5 && name.includes(part.trim())),
  );
}

/**
 * Selects test files by the words of a command line: each is a file, a folder, a part of a path, or a part of a test's
 * title. If a word selects nothing, prints the problem and returns undefined.
 */
export function selectTests(words: readonly string[], { onlyFaults }: { onlyFaults: boolean }): Selection | undefined {
  const all = FOLDERS.flatMap((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: ROOT }))
    .filter((file) => !onlyFaults || file.endsWith(FAULTS))
    .sort(byExpectedTime);
  if (words.length === 0) return { files: all, name: '' };
  const paths = new Set<string>();
  const titles: string[] = [];
  for (const word of words) {
    const found = filesAt(word, all);
    for (const file of found) paths.add(file);
    if (found.length === 0) titles.push(word);
  }
  const [name = '', second] = titles;
  if (second !== undefined) {
    console.error(`only one word may be a part of a title: "${name}" and "${second}" are two`);
    return undefined;
  }
  const candidates = paths.size === 0 ? all : [...paths];
  const files = candidates.filter((file) => name === '' || mayHaveTitle(file, name));
  if (files.length > 0) return { files, name };
  console.error(`no test file, folder or title contains "${name}"`);
  return undefined;
}

/** Returns the test files for a word: a file, a folder, or a part of a path. */
function filesAt(word: string, all: readonly string[]): readonly string[] {
  if (!existsSync(word)) return all.filter((file) => file.includes(word));
  if (statSync(word).isFile()) return [word];
  const folder = relative(ROOT, word);
  return folder === '' ? all : all.filter((file) => file.startsWith(`${folder}/`));
}
