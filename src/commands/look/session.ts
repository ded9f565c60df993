import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../config/config-error.ts';
import { checkCredentials, isEmulated } from '../../connectors/google/credentials.ts';
import type { GoogleConfig } from '../../connectors/google/google-config.ts';
import { FatalError, toError } from '../../core/errors.ts';
import { retryFor } from '../../operators/retry.ts';
import { pipelineFile, readPipelineConfig } from '../../services/pipeline.ts';
import type { ConfigOf, ServiceName } from '../../services/services.ts';
import { assertListening } from '../../tools/assert-listening.ts';
import { recordJson, recordText, type ShownField } from '../../tools/look/shown-record.ts';
import { onSignal } from '../../util/on-signal.ts';
import { EXIT } from '../exit-codes.ts';

/** Options of both commands. */
export interface LookOptions {
  readonly limit: number;
  readonly follow: boolean;
  readonly json: boolean;
}

/** Pauses between two reads for new data: a query in the cloud costs money. */
const EVERY_MS = { sandbox: 500, cloud: 5_000 };

const VARIABLES = { bigquery: 'BIGQUERY_EMULATOR_HOST', storage: 'STORAGE_EMULATOR_HOST' } as const;

export const say = (text: string): void => console.error(text);

/** What a command works with. */
export interface LookSession {
  /** Aborted by Ctrl-C, and when the output is no longer read. */
  readonly signal: AbortSignal;
  readonly everyMs: number;
  show(fields: readonly ShownField[]): Promise<void>;
}

/** Runs a command that reads a sink. Ctrl-C ends it cleanly, and so does closing the output, as with `| head`. */
export async function session<Target extends { readonly google: GoogleConfig }>(
  targetOf: () => Target,
  api: keyof typeof VARIABLES,
  { json }: LookOptions,
  work: (target: Target, session: LookSession) => Promise<number>,
): Promise<number> {
  const stopped = new AbortController();
  onSignal(() => stopped.abort());
  process.stdout.on('error', () => stopped.abort());
  try {
    const target = targetOf();
    await assertListening([VARIABLES[api]]);
    await retryFor(() => checkCredentials(target.google, [api]), withHint);
    return await work(target, {
      signal: stopped.signal,
      everyMs: isEmulated(api) ? EVERY_MS.sandbox : EVERY_MS.cloud,
      show: (fields) => written(json ? `${recordJson(fields)}\n` : `${recordText(fields)}\n`, stopped.signal),
    });
  } catch (thrown) {
    say(toError(thrown).message);
    return thrown instanceof ConfigError || thrown instanceof FatalError ? EXIT.configurationRefused : EXIT.failed;
  }
}

/** Without credentials, the user more likely means the sandbox than the cloud. */
function withHint(thrown: unknown): Error {
  const error = toError(thrown);
  if (!(error instanceof FatalError)) return error;
  const hint =
    'To read from a sandbox, paste the export lines printed by "up", "demo" or "sandbox" into this terminal.';
  return new FatalError(`${hint}\n${error.message}`, { cause: error });
}

/** Writes as fast as the output is read. */
async function written(text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || process.stdout.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      process.stdout.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    process.stdout.on('drain', done);
    signal.addEventListener('abort', done);
  });
}

/**
 * The configuration of a pipeline of one service.
 *
 * @param path the pipeline, or a folder with a pipeline of the service's name.
 * @throws ConfigError if it is a pipeline of another service.
 */
export function configOf<Name extends ServiceName>(path: string, service: Name): ConfigOf<Name> {
  const below = join(path, service);
  const isSet = existsSync(path) && statSync(path).isDirectory() && existsSync(join(below, 'pipeline.yaml'));
  const folder = isSet && !existsSync(join(path, 'pipeline.yaml')) ? below : path;
  const config = readPipelineConfig(folder);
  if (isServiceConfig(config, service)) return config;
  throw new ConfigError(pipelineFile(folder), [
    { path: 'service', problem: `expected ${service}, got ${config.service}` },
  ]);
}

function isServiceConfig<Name extends ServiceName>(
  config: ConfigOf<ServiceName>,
  service: Name,
): config is ConfigOf<Name> {
  return config.service === service;
}

/**
 * The values of variables that a running demo prints.
 *
 * @throws FatalError naming those that are not set, and the alternative.
 */
export function exported(names: readonly string[], example: string): string[] {
  const missing = names.filter((name) => !process.env[name]);
  if (missing.length === 0) return names.map((name) => process.env[name] ?? '');
  throw new FatalError(
    `which pipeline? Name its folder, for example ${example}, or paste the export lines of a running demo (not set: ${missing.join(', ')})`,
  );
}
