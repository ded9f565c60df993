import type { ConfigIssue } from './config-error.ts';

/** Matches `${NAME}`, `${NAME:` before a default, or a brace. */
const TOKEN = /\$\{([A-Za-z_][A-Za-z0-9_]*)([:}])|[{}]/g;

/** The default that omits a setting. */
const LEFT_OUT = '~';

/** Returns whether a value is a plain object, as YAML creates it. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Replaces `${NAME}` and `${NAME:default}` in every string of a YAML value. A default may contain further placeholders
 * and paired braces: `${A:${B:sites/{location}}}` is A, else B, else `sites/{location}`. An empty variable counts as
 * set.
 *
 * The result is a string: the schemas of numbers and flags convert it, and a password of digits stays a string. A
 * setting that consists of `${NAME:~}` is omitted if the variable is missing or empty. A missing variable without a
 * default is an issue, by path.
 */
export function interpolate(
  value: unknown,
  env: NodeJS.ProcessEnv,
  issues: ConfigIssue[],
  path: readonly string[] = [],
): unknown {
  if (Array.isArray(value)) {
    return value
      .map((item, index) => [item, interpolate(item, env, issues, [...path, `${index}`])])
      .filter(isThere)
      .map(([, item]) => item);
  }
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, item]) => [key, item, interpolate(item, env, issues, [...path, key])] as const)
        .filter(([, ...beforeAndAfter]) => isThere(beforeAndAfter))
        .map(([key, , item]) => [key, item]),
    );
  }
  if (typeof value !== 'string') return value;
  const { text, isLeftOut, problems } = filledIn(value, env);
  issues.push(...problems.map((problem) => ({ path: path.join('.'), problem })));
  return isLeftOut ? undefined : text;
}

/** Returns false for a string that was omitted. */
function isThere([before, after]: readonly unknown[]): boolean {
  return after !== undefined || before === undefined;
}

/** A placeholder whose default is being read, or the text outside all placeholders. */
interface Frame {
  /** Undefined outside all placeholders. */
  readonly name: string | undefined;
  text: string;
  /** The parts of `text` if it consists of exactly one placeholder. */
  only: Filled | undefined;
  isEmpty: boolean;
  /** Unmatched opening braces in the default. */
  open: number;
  /** True if a closing brace was read since the frame began. */
  sawClosing: boolean;
  /** For each unresolved placeholder: the variables that were tried, the outermost last. */
  missing: string[][];
}

/** The value of a placeholder. */
interface Filled {
  readonly text: string;
  /** True if its last default is `~`: empty variables then count as missing. */
  readonly isOptional: boolean;
  readonly isLeftOut: boolean;
  readonly missing: string[][];
}

/** Reads a string once, from left to right, in linear time. */
function filledIn(text: string, env: NodeJS.ProcessEnv): { text: string; isLeftOut: boolean; problems: string[] } {
  const outermost = newFrame(undefined);
  const frames = [outermost];
  const top = () => frames.at(-1) ?? outermost;
  let readTo = 0;
  for (const { 0: token, 1: name, 2: end, index } of text.matchAll(TOKEN)) {
    append(top(), text.slice(readTo, index));
    readTo = index + token.length;
    if (name !== undefined && end === ':') frames.push(newFrame(name));
    else if (name !== undefined) {
      top().sawClosing = true;
      appendFilled(top(), fill(newFrame(name), env[name], undefined));
    } else if (top().name === undefined || token === '{' || top().open > 0) {
      top().open += token === '{' ? 1 : -1;
      top().sawClosing ||= token === '}';
      append(top(), token);
    } else {
      const closed = top();
      frames.pop();
      top().sawClosing = true;
      appendFilled(top(), fill(closed, env[closed.name ?? ''], closed.only ?? plain(closed)));
    }
  }
  append(top(), text.slice(readTo));
  // An unclosed placeholder is plain text.
  const [first = outermost, ...unclosed] = frames;
  for (const frame of unclosed) append(first, `\${${frame.name}:${frame.text}`);
  const problems = frames.flatMap(({ missing }) => missing.map(missingProblem));
  const broken = unclosed.findLast(({ sawClosing }) => sawClosing);
  if (broken !== undefined) {
    problems.push(`\${${broken.name}: is not closed: each "{" in a default needs a "}", and so does the placeholder`);
  }
  return { text: first.text, isLeftOut: first.only?.isLeftOut ?? false, problems };
}

function newFrame(name: string | undefined): Frame {
  return { name, text: '', only: undefined, isEmpty: true, open: 0, sawClosing: false, missing: [] };
}

function append(frame: Frame, text: string): void {
  if (text === '') return;
  frame.text += text;
  frame.isEmpty = false;
  frame.only = undefined;
}

function appendFilled(frame: Frame, filled: Filled): void {
  frame.only = frame.isEmpty ? filled : undefined;
  frame.isEmpty = false;
  frame.text += filled.text;
  frame.missing.push(...filled.missing);
}

function plain({ text, missing }: Frame): Filled {
  const isLeftOut = text === LEFT_OUT && missing.length === 0;
  return { text, isOptional: isLeftOut, isLeftOut, missing };
}

/** @param fallback undefined if the placeholder has no default. */
function fill({ name = '' }: Frame, found: string | undefined, fallback: Filled | undefined): Filled {
  const isOptional = fallback?.isOptional ?? false;
  if (found !== undefined && !(isOptional && found === '')) {
    return { text: found, isOptional, isLeftOut: false, missing: [] };
  }
  if (fallback === undefined) return { text: '', isOptional, isLeftOut: false, missing: [[name]] };
  for (const names of fallback.missing) names.push(name);
  return fallback;
}

function missingProblem(names: readonly string[]): string {
  const [last = '', ...before] = names;
  if (before.length === 0) return `the environment variable ${last} is not set and has no default`;
  return `none of the environment variables ${before.toReversed().join(', ')} and ${last} is set, and there is no default`;
}
