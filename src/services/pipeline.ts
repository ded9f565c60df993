import { existsSync, globSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { map, type Observable } from 'rxjs';
import { ConfigError, type ConfigIssue } from '../config/config-error.ts';
import { interpolate, isRecord } from '../config/interpolate.ts';
import { applyOverrides } from '../config/overrides.ts';
import { parse } from '../config/parse.ts';
import { readYaml } from '../config/read-yaml.ts';
import { maskSecrets } from '../config/schema-walk.ts';
import { type WatchFileOptions, watchFile } from '../config/watch-file.ts';
import { toError } from '../core/errors.ts';
import type { Hooks, ServiceSettings } from './define-service.ts';
import type { Service } from './service.ts';
import type { CommonDependencies } from './service-context.ts';
import {
  type ConfigOf,
  isServiceName,
  type LazyService,
  SERVICE_NAMES,
  SERVICES,
  type ServiceConfig,
  type ServiceName,
} from './services.ts';

/** A pipeline as described by its folder. */
export interface Pipeline {
  /** Absolute path of `pipeline.yaml`. */
  readonly file: string;
  readonly config: ServiceConfig;
  readonly hooks: Hooks;
  /** The environment it was read with. */
  readonly env: NodeJS.ProcessEnv;
}

/** Returns the services whose pipeline, of the same name, is in a folder, in the order of the data flow. */
export function pipelinesIn(folder: string): ServiceName[] {
  return SERVICE_NAMES.filter((name) => existsSync(join(folder, name, 'pipeline.yaml')));
}

/** Returns the YAML file of a pipeline; for a folder, its `pipeline.yaml`. */
export function pipelineFile(path: string): string {
  const absolute = resolve(path);
  return existsSync(absolute) && statSync(absolute).isDirectory() ? join(absolute, 'pipeline.yaml') : absolute;
}

/** Returns the name of a pipeline, which is its folder's. */
export function pipelineName(file: string): string {
  return basename(dirname(file));
}

/**
 * Reads a pipeline: YAML, then `${ENV}` and `${ENV:default}`, then overrides from the environment, then the schema of
 * its service.
 *
 * @param path the pipeline's folder, or its YAML file.
 * @throws ConfigError with every problem.
 */
export function readPipelineConfig(path: string, env: NodeJS.ProcessEnv = process.env): ServiceConfig {
  const file = pipelineFile(path);
  if (!existsSync(file)) throw new ConfigError(file, [{ path: '', problem: missingFile(file) }]);
  const issues: ConfigIssue[] = [];
  const raw = readYaml(file, issues);
  if (issues.length > 0) throw new ConfigError(file, issues);
  const interpolated = interpolate(raw, env, issues);
  const kind = isRecord(interpolated) ? interpolated.service : undefined;
  if (!isServiceName(kind)) {
    const known = SERVICE_NAMES.join(', ').replace(/, (?=[^,]+$)/, ' or ');
    const got = kind === undefined ? 'nothing' : JSON.stringify(kind);
    issues.push({ path: 'service', problem: `expected ${known}, got ${got}` });
    throw new ConfigError(file, issues);
  }
  const { schema, looseProblems } = settingsOf(kind);
  const overridden = applyOverrides(interpolated, schema, env, issues);
  // Reports a value that could not be interpolated only once, not also for its result.
  const known = new Set(issues.map((issue) => issue.path));
  const found: ConfigIssue[] = [];
  const config = parse(schema, overridden, found);
  issues.push(...found.filter((issue) => !known.has(issue.path)));
  if (config === undefined && looseProblems !== undefined) {
    // The schema finds these too, if the settings have no other problems.
    const told = new Set(issues.map(({ path, problem }) => `${path} ${problem}`));
    issues.push(...looseProblems(overridden).filter(({ path, problem }) => !told.has(`${path} ${problem}`)));
  }
  if (config === undefined || issues.length > 0) throw new ConfigError(file, issues);
  return config;
}

function missingFile(file: string): string {
  const folder = dirname(file);
  if (existsSync(folder) && basename(file) === 'pipeline.yaml') return 'there is no pipeline.yaml in this folder';
  const others = globSync('*/pipeline.yaml', { cwd: folder }).map((other) => dirname(other));
  const beside = others.length === 0 ? '' : `; next to it are the pipelines ${others.sort().join(', ')}`;
  return `cannot be read: there is no such file or folder${beside}`;
}

function settingsOf(name: ServiceName): ServiceSettings<ServiceConfig> {
  return SERVICES[name].settings;
}

/** Reads a pipeline's configuration and its `hooks.ts`, if it has one. */
export async function loadPipeline(path: string, env: NodeJS.ProcessEnv = process.env): Promise<Pipeline> {
  const file = pipelineFile(path);
  const config = readPipelineConfig(file, env);
  const settings = settingsOf(config.service);
  const hooks = await loadHooks(join(dirname(file), 'hooks.ts'), settings.hooks);
  const issues = settings.hookProblems?.(config, hooks) ?? [];
  if (issues.length > 0) throw new ConfigError(file, issues);
  return { file, config, hooks, env };
}

async function loadHooks(file: string, allowed: readonly string[]): Promise<Hooks> {
  if (!existsSync(file)) return {};
  let module: unknown;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (thrown) {
    throw new ConfigError(file, [{ path: '', problem: `cannot be loaded: ${toError(thrown).message}` }]);
  }
  const issues: ConfigIssue[] = [];
  const hooks = { ...(isRecord(module) ? module : {}) };
  const known = allowed.join(', ').replace(/, (?=\w+$)/, ' and ') || 'none';
  for (const [name, value] of Object.entries(hooks)) {
    if (!allowed.includes(name)) {
      issues.push({ path: name, problem: `there is no such hook; this service has ${known}` });
    } else if (typeof value !== 'function') issues.push({ path: name, problem: 'expected a function' });
  }
  if (issues.length > 0) throw new ConfigError(file, issues);
  return hooks;
}

/** Options of a pipeline's service besides its hooks. */
export interface PipelineServiceOptions extends WatchFileOptions {
  readonly telemetry?: CommonDependencies['telemetry'];
}

/**
 * Creates the service of a pipeline, with its hooks. If the service supports configuration changes, it follows those of
 * the file. Loads only that service's modules.
 */
export async function createPipelineService(
  { config, hooks, file, env }: Pipeline,
  { telemetry = {}, ...watching }: PipelineServiceOptions = {},
): Promise<Service<unknown>> {
  const lazy: LazyService<ServiceConfig, object, Service<unknown>> = SERVICES[config.service];
  const onPolled = (reason: Error) => service.telemetry.event('routes.polled', { error: reason.message });
  const configChanges = watchConfig(config.service, file, env, { onPolled, ...watching });
  const service = await lazy.create(config, {
    ...hooks,
    telemetry: { pipeline: pipelineName(file), ...telemetry },
    configChanges,
  });
  return service;
}

/** Emits the configuration of a running service, or the reason it is refused, whenever its file changes. */
export function watchConfig<Name extends ServiceName>(
  service: Name,
  file: string,
  env: NodeJS.ProcessEnv = process.env,
  watching: WatchFileOptions = {},
): Observable<ConfigOf<Name> | ConfigError> {
  return watchFile(file, watching).pipe(
    map(() => {
      try {
        const config = readPipelineConfig(file, env);
        if (isConfigOf(config, service)) return config;
        const problem = `a running ${service} cannot become another service`;
        return new ConfigError(file, [{ path: 'service', problem }]);
      } catch (thrown) {
        if (thrown instanceof ConfigError) return thrown;
        return new ConfigError(file, [{ path: '', problem: `cannot be read: ${toError(thrown).message}` }]);
      }
    }),
  );
}

function isConfigOf<Name extends ServiceName>(config: ServiceConfig, service: Name): config is ConfigOf<Name> {
  return config.service === service;
}

/** Returns the resolved configuration for printing, with secrets masked. */
export function printableConfig(config: ServiceConfig): unknown {
  return maskSecrets(settingsOf(config.service).schema, config);
}

/** Returns warnings about allowed but probably unintended settings. */
export function pipelineWarnings(config: ServiceConfig, hooks: Hooks = {}): string[] {
  return settingsOf(config.service).warnings?.(config, hooks) ?? [];
}
