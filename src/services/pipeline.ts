import { existsSync, globSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { map, type Observable } from 'rxjs';
import * as v from 'valibot';
import { ConfigError, type ConfigIssue } from '../config/config-error.ts';
import { interpolate, isRecord } from '../config/interpolate.ts';
import { applyOverrides } from '../config/overrides.ts';
import { parse, shownKey } from '../config/parse.ts';
import { readYaml } from '../config/read-yaml.ts';
import { maskSecrets } from '../config/schema-walk.ts';
import { type WatchFileOptions, watchFile } from '../config/watch-file.ts';
import { toError } from '../core/errors.ts';
import { lookupProblems } from '../lookup/config.ts';
import { type BigQueriesConfig, bigqueriesSchema } from './bigqueries/config.ts';
import { type EnrichConfig, enrichSchema } from './enrich/config.ts';
import { type IcestoreConfig, icestoreSchema } from './icestore/config.ts';
import { type IngestionConfig, ingestionSchema } from './ingestion/config.ts';
import { routingEntries, routingProblems } from './ingestion/routing.ts';

const SCHEMAS = {
  ingestion: ingestionSchema,
  enrich: enrichSchema,
  icestore: icestoreSchema,
  bigqueries: bigqueriesSchema,
};

/** What `hooks.ts` may export, by service. */
const HOOKS: Record<keyof typeof SCHEMAS, readonly string[]> = {
  ingestion: ['enricher'],
  enrich: ['keyExtractor', 'fetcher', 'applier'],
  icestore: ['batchKey'],
  bigqueries: ['transformer'],
};

export type ServiceConfig = IngestionConfig | EnrichConfig | IcestoreConfig | BigQueriesConfig;

/** Functions that a pipeline's `hooks.ts` exports. What they take and give back is up to the service's types. */
export type Hooks = Readonly<Record<string, unknown>>;

/** A pipeline as its folder describes it. */
export interface Pipeline {
  /** Absolute path of `pipeline.yaml`. */
  readonly file: string;
  readonly config: ServiceConfig;
  readonly hooks: Hooks;
}

/** The YAML file of a pipeline: of a folder, `pipeline.yaml` in it. */
export function pipelineFile(path: string): string {
  const absolute = resolve(path);
  return existsSync(absolute) && statSync(absolute).isDirectory() ? join(absolute, 'pipeline.yaml') : absolute;
}

/**
 * Reads a pipeline: YAML, then `${ENV}` and `${ENV:default}`, then overrides from the environment, then the schema of
 * its service.
 *
 * @param path the pipeline's folder, or its YAML file.
 * @throws ConfigError with every problem at once.
 */
export function readPipelineConfig(path: string, env: NodeJS.ProcessEnv = process.env): ServiceConfig {
  const file = pipelineFile(path);
  if (!existsSync(file)) throw new ConfigError(file, [{ path: '', problem: missingFile(file) }]);
  const issues: ConfigIssue[] = [];
  const raw = readYaml(file, issues);
  if (issues.length > 0) throw new ConfigError(file, issues);
  const interpolated = interpolate(raw, env, issues);
  const kind = isRecord(interpolated) ? interpolated.service : undefined;
  const schema = v.is(v.picklist(['ingestion', 'enrich', 'icestore', 'bigqueries']), kind) ? SCHEMAS[kind] : undefined;
  if (schema === undefined) {
    issues.push({
      path: 'service',
      problem: `expected ingestion, enrich, icestore or bigqueries, got ${kind === undefined ? 'nothing' : JSON.stringify(kind)}`,
    });
    throw new ConfigError(file, issues);
  }
  const overridden = applyOverrides(interpolated, schema, env, issues);
  // A value that could not be interpolated is reported as such, not once more for what became of it.
  const known = new Set(issues.map((issue) => issue.path));
  const found: ConfigIssue[] = [];
  const config = parse<v.GenericSchema<unknown, ServiceConfig>>(schema, overridden, found);
  issues.push(...found.filter((issue) => !known.has(issue.path)));
  if (config === undefined && kind === 'ingestion') {
    // The schema finds them too, if nothing else is wrong with the shape of the settings.
    const told = new Set(issues.map(({ path, problem }) => `${path} ${problem}`));
    issues.push(...looseRoutes(overridden).filter(({ path, problem }) => !told.has(`${path} ${problem}`)));
  }
  if (config === undefined || issues.length > 0) throw new ConfigError(file, issues);
  return config;
}

function missingFile(file: string): string {
  const folder = dirname(file);
  if (existsSync(folder) && basename(file) === 'pipeline.yaml') return 'there is no pipeline.yaml in this folder';
  const others = globSync('*/pipeline.yaml', { cwd: folder }).map((other) => dirname(other));
  const beside = others.length === 0 ? '' : `; beside it are the pipelines ${others.sort().join(', ')}`;
  return `cannot be read: there is no such file or folder${beside}`;
}

/** What is wrong between routes, where other problems have kept the schema from looking at it. */
function looseRoutes(value: unknown): ConfigIssue[] {
  const routing = v.safeParse(v.object(routingEntries), value);
  if (!routing.success) return [];
  return routingProblems(routing.output).map(({ path, problem }) => ({ path: path.map(shownKey).join('.'), problem }));
}

/** Reads a pipeline's configuration and its `hooks.ts`, if it has one. */
export async function loadPipeline(path: string, env: NodeJS.ProcessEnv = process.env): Promise<Pipeline> {
  const file = pipelineFile(path);
  const config = readPipelineConfig(file, env);
  const hooks = await loadHooks(join(dirname(file), 'hooks.ts'), HOOKS[config.service]);
  const issues = config.service === 'enrich' ? lookupProblems(config.lookup, hooks.fetcher !== undefined) : [];
  if (issues.length > 0) throw new ConfigError(file, issues);
  return { file, config, hooks };
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
  for (const [name, value] of Object.entries(hooks)) {
    if (!allowed.includes(name)) {
      issues.push({
        path: name,
        problem: `there is no such hook; this service knows ${allowed.join(', ').replace(/, (?=\w+$)/, ' and ')}`,
      });
    } else if (typeof value !== 'function') issues.push({ path: name, problem: 'expected a function' });
  }
  if (issues.length > 0) throw new ConfigError(file, issues);
  return hooks;
}

/** Emits the configuration of an ingestion pipeline, or why it is refused, whenever its file has changed. */
export function watchRoutes(
  file: string,
  env: NodeJS.ProcessEnv = process.env,
  watching: WatchFileOptions = {},
): Observable<IngestionConfig | ConfigError> {
  return watchFile(file, watching).pipe(
    map(() => {
      try {
        const config = readPipelineConfig(file, env);
        if (config.service === 'ingestion') return config;
        return new ConfigError(file, [
          { path: 'service', problem: 'a running ingestion cannot become another service' },
        ]);
      } catch (thrown) {
        if (thrown instanceof ConfigError) return thrown;
        return new ConfigError(file, [{ path: '', problem: `cannot be read: ${toError(thrown).message}` }]);
      }
    }),
  );
}

/** The resolved configuration for people to read: secrets masked. */
export function printableConfig(config: ServiceConfig): unknown {
  return maskSecrets(SCHEMAS[config.service], config);
}

/** What is allowed, and probably not meant. */
export function pipelineWarnings(config: ServiceConfig, hooks: Hooks = {}): string[] {
  const warnings: string[] = [];
  if (config.service === 'ingestion' && config.mqtt.shareGroup) {
    warnings.push(
      `mqtt.shareGroup: each replica needs a mqtt.clientId of its own, and the same one whenever it comes back; here it is "${config.mqtt.clientId}". What a replica has been handed waits for that id`,
    );
  }
  if (config.service !== 'ingestion' && config.deadLetters === undefined) {
    warnings.push('deadLetters: not set; a poisoned message will go back to its subscription and come again, for ever');
  }
  if (config.service === 'enrich' && hooks.fetcher === undefined) {
    const { redis, firestore } = config.lookup;
    if (redis !== undefined && firestore === undefined && !redis.keyPrefix) {
      warnings.push(
        'lookup.redis.keyPrefix: not set, and Redis is the registry: a device that chooses its id can read any JSON object of that Redis; set one, or give the registry a db of its own',
      );
    }
  }
  if (config.service === 'icestore' && config.archive.acceptTestTime) {
    warnings.push(
      hooks.batchKey === undefined
        ? 'archive.acceptTestTime: whoever publishes chooses the day that a message is filed under; it is for tests'
        : 'archive.acceptTestTime: has no effect, since the hook "batchKey" names the groups',
    );
  }
  if (config.service === 'bigqueries' && config.source.maxInFlight < config.insert.maxRows) {
    warnings.push(
      `source.maxInFlight (${config.source.maxInFlight}) is below insert.maxRows (${config.insert.maxRows}): requests leave when credit is used up, with fewer rows`,
    );
  }
  if (config.service === 'icestore' && config.source.maxInFlight < 2 * config.archive.maxLines) {
    warnings.push(
      `source.maxInFlight (${config.source.maxInFlight}) is below twice archive.maxLines (${config.archive.maxLines}), and shared by all groups: objects are written when credit is used up, with fewer lines`,
    );
  }
  if (config.service === 'bigqueries' || config.service === 'icestore') {
    const [setting, ageMs] =
      config.service === 'bigqueries'
        ? ['insert.maxDelayMs', config.insert.maxDelayMs]
        : ['archive.maxAgeMs', config.archive.maxAgeMs];
    if (ageMs >= config.source.maxLeaseMs) {
      warnings.push(
        `${setting} (${ageMs}) is not below source.maxLeaseMs (${config.source.maxLeaseMs}): messages expire before they are written, and come again`,
      );
    }
    if (ageMs >= config.readiness.stalledAfterMs) {
      warnings.push(
        `${setting} (${ageMs}) is not below readiness.stalledAfterMs (${config.readiness.stalledAfterMs}): a quiet service turns red while it waits`,
      );
    }
  }
  return warnings;
}
