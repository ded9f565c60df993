import type { ConfigIssue } from './config-error.ts';

const PLACEHOLDER = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}/g;

/** A plain object, as YAML gives it. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `true`, `false` and numbers that stand alone mean the same from the environment as from YAML. */
export function scalar(textual: string): unknown {
  if (textual === 'true' || textual === 'false') return textual === 'true';
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(textual) && Number.isSafeInteger(Math.trunc(Number(textual)))
    ? Number(textual)
    : textual;
}

/**
 * Replaces `${NAME}` and `${NAME:default}` in every string of a YAML value. A value that is one placeholder alone and
 * was not quoted into more text may become a number or a boolean. A variable that is missing and has no default is an
 * issue, by path.
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
  let replaced = false;
  const result = value.replace(PLACEHOLDER, (_, name: string, fallback: string | undefined) => {
    replaced = true;
    const found = env[name] ?? fallback;
    if (found === undefined) {
      issues.push({ path: path.join('.'), problem: `the environment variable ${name} is not set, and has no default` });
      return '';
    }
    return found;
  });
  if (!replaced) return value;
  return new RegExp(`^${PLACEHOLDER.source}$`).test(value) ? scalar(result) : result;
}
