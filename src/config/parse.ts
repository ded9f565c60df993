import * as v from 'valibot';
import type { ConfigIssue } from './config-error.ts';
import { nearestSetting } from './nearest-setting.ts';
import { RENAMED_SETTINGS, type RenamedSettings, renamedTo } from './renamed-settings.ts';
import { maskAddress } from './schema-walk.ts';

type Issue = v.BaseIssue<unknown>;

function pathOf(issue: Issue): string {
  return (issue.path ?? []).map((item) => shownKey(String(item.key))).join('.');
}

/** Hides the part after a colon: to YAML, `password:abc` without a space is a name, and may contain a secret. */
export function shownKey(key: string): string {
  return key.replace(/[:=].*$/s, (rest) => (rest.length > 1 ? `${rest[0]}…` : rest));
}

/** Returns a value as an error may show it. Groups and lists are not shown, because they may hold secrets. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a group of settings';
  const text = typeof value === 'string' ? JSON.stringify(maskAddress(value)) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Converts `(0 | 1 | 2)` to `0, 1 or 2`. */
function inWords(expected: string): string {
  const choices = expected.replace(/^\((.*)\)$/, '$1').split(' | ');
  if (choices.length < 2) return expected;
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}

const BOUNDS: Record<string, (requirement: string) => string> = {
  min_value: (requirement) => `at least ${requirement}`,
  max_value: (requirement) => `at most ${requirement}`,
  min_length: (requirement) => `at least ${requirement} of them`,
  non_empty: () => 'something that is not empty',
  integer: () => 'a whole number',
};

const KINDS: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  Object: 'a group of settings',
  Array: 'a list',
};

function isUnknown(issue: Issue): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never';
}

function problemOf(issue: Issue, masked: boolean): string {
  const received = masked ? 'something else' : shown(issue.input);
  if (isUnknown(issue)) return 'there is no such setting';
  if (issue.type === 'strict_object' && issue.input === undefined) return 'is missing';
  if (issue.kind === 'schema' && issue.received === 'undefined' && issue.input === undefined) {
    return `is missing; expected ${expectation(issue)}`;
  }
  if (issue.type === 'check' || issue.type === 'raw_check' || issue.type === 'custom') return issue.message;
  if (issue.expected === 'string' && (typeof issue.input === 'number' || typeof issue.input === 'boolean')) {
    return `expected a string, got ${masked ? `a ${typeof issue.input}` : received}: write it in quotes, "${masked ? '…' : received}"`;
  }
  if (issue.type === 'regex') return `${issue.message}, got ${received}`;
  return `expected ${expectation(issue)}, got ${received}`;
}

function expectation(issue: Issue): string {
  const bound = BOUNDS[issue.type];
  if (bound !== undefined) return bound(String('requirement' in issue ? issue.requirement : ''));
  const expected = issue.expected ?? 'something else';
  return KINDS[expected] ?? inWords(expected);
}

/**
 * Parses a value, and reports every problem by path in plain words.
 *
 * @param root path of the value in its file, prepended to the path of each issue.
 * @param renamed former settings, named in the issue of an unknown setting.
 */
export function parse<const TSchema extends v.GenericSchema>(
  schema: TSchema,
  value: unknown,
  issues: ConfigIssue[],
  root = '',
  renamed: RenamedSettings = RENAMED_SETTINGS,
): v.InferOutput<TSchema> | undefined {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  for (const issue of result.issues) {
    for (const leaf of leaves(issue)) {
      // Paths of issues inside a union start at the union.
      const path = [root, pathOf(issue), leaf === issue ? '' : pathOf(leaf)].filter((part) => part !== '').join('.');
      const problem = problemOf(leaf, /password|secret|key$/i.test(path));
      const names = [issue, ...(leaf === issue ? [] : [leaf])].flatMap((each) =>
        (each.path ?? []).map(({ key }) => shownKey(String(key))),
      );
      issues.push({ path, problem: isUnknown(leaf) ? `${problem}${hintOf(schema, path, names, renamed)}` : problem });
    }
  }
  return undefined;
}

/** Returns a hint for an unknown setting: its new name, or the nearest known setting. */
function hintOf(schema: unknown, path: string, names: readonly string[], renamed: RenamedSettings): string {
  const now = renamedTo(path, renamed);
  if (now !== undefined) return `: it ${now}`;
  const meant = nearestSetting(schema, names);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

/** A union wraps the issues of its branches. Those that reach deeper than the union itself are more specific. */
function leaves(issue: Issue): readonly Issue[] {
  const deeper = issue.type === 'union' ? (issue.issues ?? []).filter((inner) => (inner.path?.length ?? 0) > 0) : [];
  return deeper.length > 0 ? deeper : [issue];
}
