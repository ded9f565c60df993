import type { ConfigIssue } from './config-error.ts';
import { isRecord } from './interpolate.ts';
import { nearestSetting } from './nearest-setting.ts';
import { RENAMED_SETTINGS, type RenamedSettings, renamedTo } from './renamed-settings.ts';
import { childrenOf, isValue } from './schema-walk.ts';

/** Prefix of environment variables that override settings. */
export const OVERRIDE_PREFIX = 'DATAFLOW_';

/** Set by deployments of the Go platform, and ignored: no setting can have this name. */
const NO_OVERRIDES: ReadonlySet<string> = new Set(['DATAFLOW_NAME']);

/**
 * Applies overrides from the environment: `DATAFLOW_SOURCE__MAX_IN_FLIGHT=500` sets `source.maxInFlight`. Two
 * underscores go one level down; case and single underscores do not matter for names in the schema. An unknown name is
 * an issue, so that a misspelled override does not go unnoticed.
 */
export function applyOverrides(
  value: unknown,
  schema: unknown,
  env: NodeJS.ProcessEnv,
  issues: ConfigIssue[],
  renamed: RenamedSettings = RENAMED_SETTINGS,
): unknown {
  let result = value;
  for (const [variable, text] of Object.entries(env).sort()) {
    if (!variable.startsWith(OVERRIDE_PREFIX) || NO_OVERRIDES.has(variable) || text === undefined) continue;
    const segments = variable.slice(OVERRIDE_PREFIX.length).split('__');
    const path = resolve(segments, schema, result);
    if (path === undefined) {
      const now = renamedTo(plain(segments.join('.')), plainPaths(renamed));
      const problem = 'this override does not name a setting';
      const meant = now === undefined ? nearestSetting(schema, segments) : undefined;
      // A group is a setting too, and may not be one value.
      const hint = meant === undefined || variableOf(meant) === variable ? '' : `; did you mean ${variableOf(meant)}?`;
      issues.push({ path: variable, problem: now === undefined ? `${problem}${hint}` : `${problem}: it ${now}` });
    } else result = withValue(result, path, text);
  }
  return result;
}

/** `source.maxInFlight` as `DATAFLOW_SOURCE__MAX_IN_FLIGHT`. */
function variableOf(path: string): string {
  const names = path.split('.').map((name) => name.replaceAll(/([a-z\d])([A-Z])/g, '$1_$2').toUpperCase());
  return OVERRIDE_PREFIX + names.join('__');
}

function plain(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

function plainPaths(renamed: RenamedSettings): RenamedSettings {
  return Object.fromEntries(Object.entries(renamed).map(([path, now]) => [plain(path), now]));
}

function resolve(segments: readonly string[], schema: unknown, value: unknown): string[] | undefined {
  const [segment, ...rest] = segments;
  if (segment === undefined) return isValue(schema) ? [] : undefined;
  const children = childrenOf(schema);
  const known = isRecord(value) ? Object.keys(value) : [];
  const sameName = (name: string) => plain(name) === plain(segment);
  if (children.kind === 'entries') {
    const key = Object.keys(children.entries).find(sameName);
    if (key === undefined) return undefined;
    const below = resolve(rest, children.entries[key], isRecord(value) ? value[key] : undefined);
    return below === undefined ? undefined : [key, ...below];
  }
  if (children.kind === 'record') {
    const key = known.find(sameName) ?? segment.toLowerCase();
    const below = resolve(rest, children.value, isRecord(value) ? value[key] : undefined);
    return below === undefined ? undefined : [key, ...below];
  }
  return undefined;
}

function withValue(target: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const base = isRecord(target) ? target : {};
  return { ...base, [key]: withValue(base[key], rest, value) };
}
