import type { ConfigIssue } from './config-error.ts';

const PLACEHOLDER = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}/g;

/** A plain object, as YAML gives it. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Replaces `${NAME}` and `${NAME:default}` in every string of a YAML value. The result is text: schemas of numbers and
 * flags read it as such, and a password of digits stays a password. A variable that is missing and has no default is
 * an issue, by path.
 */
export function interpolate(
  value: unknown,
  env: NodeJS.ProcessEnv,
  issues: ConfigIssue[],
  path: readonly string[] = [],
): unknown {
  if (Array.isArray(value)) return value.map((item, index) => interpolate(item, env, issues, [...path, `${index}`]));
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, interpolate(item, env, issues, [...path, key])]),
    );
  }
  if (typeof value !== 'string') return value;
  // Behind the last brace no placeholder ends; looking for it from every `${` takes time that grows with their square.
  const end = value.lastIndexOf('}') + 1;
  const placed = value.slice(0, end).replace(PLACEHOLDER, (_, name: string, fallback: string | undefined) => {
    const found = env[name] ?? fallback;
    if (found === undefined) {
      issues.push({ path: path.join('.'), problem: `the environment variable ${name} is not set, and has no default` });
      return '';
    }
    return found;
  });
  return placed + value.slice(end);
}
