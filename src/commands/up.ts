import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ConfigError } from '../config/config-error.ts';
import { matchableFilter } from '../connectors/mqtt/topic-filter.ts';
import { FatalError, toError } from '../core/errors.ts';
import type { HttpServer } from '../http/http-server.ts';
import { pipelineFile, pipelinesIn, readPipelineConfig } from '../services/pipeline.ts';
import { servePlatformPage } from '../services/platform-page.ts';
import type { ServiceConfig, ServiceName } from '../services/services.ts';
import { type OpenSandbox, openSandbox } from '../tools/demo/open-sandbox.ts';
import { type Platform, startPlatform } from '../tools/demo/platform.ts';
import { createDeclared } from '../tools/demo/provision-run.ts';
import { readableLog } from '../tools/demo/readable-log.ts';
import { printReady, publishCommand } from '../tools/demo/ready-lines.ts';
import { SANDBOX_DEFAULTS } from '../tools/demo/sandbox-defaults.ts';
import { onSignal } from '../util/on-signal.ts';
import { EXIT } from './exit-codes.ts';

const say = (text: string): void => console.error(text);

/** A pipeline to run. */
interface Given {
  readonly folder: string;
  /** What the command line names: the folder, or the set that it is in. */
  readonly path: string;
  readonly config: ServiceConfig;
}

/** `up <pipelines...>`: starts a sandbox, creates the declared resources, and runs all pipelines in one process. */
export async function up(paths: readonly string[]): Promise<number> {
  const stopped = new AbortController();
  const { signal } = stopped;
  onSignal(() => stopped.abort());
  let sandbox: OpenSandbox | undefined;
  let platform: Platform | undefined;
  let page: HttpServer | undefined;
  try {
    // Read once before anything starts, to report problems immediately.
    read(paths, { ...SANDBOX_DEFAULTS, GOOGLE_CLOUD_PROJECT: 'sandbox', ...process.env });
    say(`starting ${paths.join(', ')}`);
    sandbox = await openSandbox();
    if (sandbox.given.length > 0) say(`used from the environment: ${sandbox.given.join(', ')}`);
    for (const missing of sandbox.missing) say(`left out: ${missing}`);
    // All in one process: each service uses its own port.
    const env: NodeJS.ProcessEnv = { ...process.env, DATAFLOW_HTTP__PORT: '0' };
    const pipelines = read(paths, env);
    const folders = pipelines.map(({ folder }) => folder);
    const declaring = pipelines.filter(({ config }) => config.resources !== undefined);
    await createDeclared(
      declaring.map(({ folder }) => folder),
      env,
      ({ outcome, kind, name, detail = '' }) => {
        if (outcome === 'differs') say(`${kind} ${name} is not as declared: ${detail}`);
      },
    );
    const level = process.env.LOG_LEVEL ?? 'warn';
    let isRunning = false;
    const destination = readableLog(say, () => !isRunning);
    const redis = env.REDIS_URL !== undefined;
    platform = await startPlatform({ pipelines: folders, env, level, destination, redis, signal });
    isRunning = true;
    signal.addEventListener('abort', () => {
      isRunning = false;
    });
    page = await servePlatformPage(platform.all);
    const commands = commandsFor(pipelines);
    printReady({ page: page.url, services: platform.all, folders, env: shownEnv(sandbox.env), commands });
    const problem = await ending(platform, sandbox, signal);
    if (problem !== undefined) say(problem);
    const abandoned = await platform.shutdown();
    platform = undefined;
    return problem === undefined && abandoned === 0 ? EXIT.clean : EXIT.failed;
  } catch (thrown) {
    if (signal.aborted) return EXIT.clean;
    say(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  } finally {
    await page?.close();
    await platform?.shutdown();
    await sandbox?.close();
  }
}

/** Reads the pipelines of a command line. A folder without a `pipeline.yaml` stands for the pipelines in it. */
function read(paths: readonly string[], env: NodeJS.ProcessEnv): Given[] {
  return paths.flatMap((path) => {
    const inside = existsSync(pipelineFile(path)) ? [] : pipelinesIn(path);
    const folders = inside.length === 0 ? [path] : inside.map((name) => join(path, name));
    return folders.map((folder) => ({ folder, path, config: readPipelineConfig(folder, env) }));
  });
}

/** The environment without a password that the user has given. */
function shownEnv({ MQTT_URL, ...env }: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (MQTT_URL === undefined) return env;
  if (URL.parse(MQTT_URL)?.password === '') return { ...env, MQTT_URL };
  say('MQTT_URL contains a password, and is not printed: set it in the other terminal too, if needed there');
  return env;
}

/** Waits for the signal, or until something ends before it; returns what went wrong. */
function ending({ all }: Platform, { ended }: OpenSandbox, signal: AbortSignal): Promise<string | undefined> {
  const failures = all.map((service) =>
    service.ended.then(
      () => undefined,
      (thrown: unknown) => `${service.name} failed: ${toError(thrown).message}`,
    ),
  );
  const signalled = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined));
  });
  return Promise.race([signalled, ended.then(() => 'the sandbox has ended'), ...failures]);
}

/** Commands that publish a message and show it in the sinks that the pipelines have. */
function commandsFor(pipelines: readonly Given[]): string[] {
  const of = (service: ServiceName) => pipelines.filter(({ config }) => config.service === service);
  const publish = pipelines.flatMap(({ folder, config }) => {
    if (config.service !== 'ingestion') return [];
    const [route] = Object.values(config.routes);
    if (route === undefined) return [];
    const sample = join(dirname(folder), 'sample.json');
    const message = existsSync(sample) ? { file: relative('.', sample) } : { payload: '{"temperature":21.5}' };
    return [publishCommand(config.mqtt.url, topicFor(route.source.mqtt_topic), message)];
  });
  return [
    ...publish,
    ...of('bigqueries').map(({ path }) => `npm run cli -- look rows ${path}`),
    ...of('icestore').map(({ path }) => `npm run cli -- look archive ${path}`),
  ];
}

/** A topic that a filter matches: its first `+` is the device. */
function topicFor(filter: string): string {
  const levels = matchableFilter(filter).split('/');
  const device = levels.indexOf('+');
  return levels
    .map((level, index) => (index === device ? 'device-1' : level === '+' || level === '#' ? 'any' : level))
    .join('/');
}
