import { assertListening } from '../assert-listening.ts';
import { SANDBOX_DEFAULTS } from './sandbox-defaults.ts';
import { type SandboxProcess, startSandboxProcess } from './sandbox-process.ts';

const SERVERS = [
  'MQTT_URL',
  'PUBSUB_EMULATOR_HOST',
  'FIRESTORE_EMULATOR_HOST',
  'STORAGE_EMULATOR_HOST',
  'BIGQUERY_EMULATOR_HOST',
];

/** The servers of pipelines on this machine, and the environment that names them. */
export interface OpenSandbox extends Pick<SandboxProcess, 'env' | 'missing' | 'ended' | 'close'> {
  /** Servers that were running already, by the names of their variables. */
  readonly given: readonly string[];
}

/**
 * Takes the servers that the environment names, and starts a sandbox for the others. Sets its variables in this process.
 *
 * @throws FatalError if a server that the environment names is not there.
 */
export async function openSandbox(): Promise<OpenSandbox> {
  const given = SERVERS.filter((name) => (process.env[name] ?? '') !== '');
  await assertListening(given);
  const started = given.length === SERVERS.length ? undefined : await startSandboxProcess();
  const found: Record<string, string | undefined> = { ...SANDBOX_DEFAULTS, ...started?.env };
  if (given.includes('MQTT_URL')) delete found.MQTT_PROTOCOL_VERSION;
  const names = new Set([...Object.keys(found), ...KEPT]);
  const env: Record<string, string> = {};
  for (const name of names) {
    const value = process.env[name] || found[name];
    if (value !== undefined && value !== '') env[name] = value;
  }
  Object.assign(process.env, env);
  return {
    env,
    given,
    missing: started?.missing ?? [],
    ended: started?.ended ?? new Promise(() => {}),
    close: async () => started?.close(),
  };
}

/** Of a sandbox that is running already. */
const KEPT = ['GOOGLE_CLOUD_PROJECT', 'METADATA_SERVER_DETECTION', 'MQTT_PROTOCOL_VERSION', 'REDIS_URL', ...SERVERS];
