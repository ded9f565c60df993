import { type SandboxPart, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { hasGoogleEmulators, startGoogleEmulator } from '../../../src/testing/google-emulator.ts';
import { findMosquitto, startMosquitto } from '../../../src/testing/mosquitto.ts';

export const TARGETS = ['sandbox', 'emulators', 'gcp'] as const;
export type TargetName = (typeof TARGETS)[number];

/** The variable by which clients find each server. */
const VARIABLES: Record<SandboxPart, string> = {
  mqtt: 'MQTT_URL',
  pubsub: 'PUBSUB_EMULATOR_HOST',
  redis: 'REDIS_URL',
  firestore: 'FIRESTORE_EMULATOR_HOST',
  storage: 'STORAGE_EMULATOR_HOST',
  bigquery: 'BIGQUERY_EMULATOR_HOST',
};
const PARTS: readonly SandboxPart[] = ['mqtt', 'pubsub', 'redis', 'firestore', 'storage', 'bigquery'];
const CLOUD: ReadonlySet<SandboxPart> = new Set(['pubsub', 'firestore', 'storage', 'bigquery']);

/** The servers that the flows run on. */
export interface Target {
  readonly name: TargetName;
  readonly projectId: string;
  /** The environment by which every client finds them, including clients in other processes. */
  readonly env: Readonly<Record<string, string>>;
  /** A description of each part's server. */
  readonly servedBy: Readonly<Record<SandboxPart, string>>;
  close(): Promise<void>;
}

interface Server {
  readonly by: string;
  readonly address?: string;
  readonly close?: () => Promise<void>;
}

/** The target named by `E2E_TARGET`. */
export function targetName(env: NodeJS.ProcessEnv = process.env): TargetName {
  const asked = env.E2E_TARGET ?? 'sandbox';
  const found = TARGETS.find((name) => name === asked);
  if (found === undefined) throw new Error(`E2E_TARGET: expected ${TARGETS.join(', ')}, got "${asked}"`);
  return found;
}

/** The project that a target works in. `gcp` has no default: it costs money there. */
export function projectOf(name: TargetName, env: NodeJS.ProcessEnv = process.env): string {
  if (name !== 'gcp') return env.GOOGLE_CLOUD_PROJECT ?? 'sandbox';
  const project = env.GOOGLE_CLOUD_PROJECT;
  if (project === undefined || project === '') throw new Error('GOOGLE_CLOUD_PROJECT: E2E_TARGET=gcp needs a project');
  for (const part of CLOUD) {
    const variable = VARIABLES[part];
    if (env[variable]) throw new Error(`${variable} is set: E2E_TARGET=gcp would not reach Google Cloud; unset it`);
  }
  return project;
}

/**
 * Opens a target, and sets its environment in this process.
 *
 * - `sandbox`: our local cloud, with a real mosquitto and redis-server if they are installed.
 * - `emulators`: the servers in the environment; then Google's emulators, if gcloud is installed; then the sandbox.
 * - `gcp`: Google Cloud with Application Default Credentials; broker and Redis as with `emulators`.
 */
export async function openTarget(name = targetName(), env: NodeJS.ProcessEnv = process.env): Promise<Target> {
  const projectId = projectOf(name, env);
  const servers = new Map<SandboxPart, Server>();
  const closing: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let end = closing.pop(); end !== undefined; end = closing.pop()) await end();
  };
  try {
    await Promise.all(
      PARTS.map(async (part) => {
        const server = await chosen(name, part, env);
        if (server === undefined) return;
        servers.set(part, server);
        if (server.close !== undefined) closing.push(server.close);
      }),
    );
    const missing = PARTS.filter((part) => !servers.has(part));
    const sandbox = await startSandbox({ parts: missing, projectId });
    closing.push(() => sandbox.close());
    for (const part of missing) {
      const address = sandbox.env[VARIABLES[part]];
      servers.set(part, address === undefined ? { by: 'nothing: not installed' } : { by: bySandbox(part), address });
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  const found = Object.fromEntries(
    [...servers].flatMap(([part, { address }]) => (address === undefined ? [] : [[VARIABLES[part], address]])),
  );
  const own = {
    ...found,
    GOOGLE_CLOUD_PROJECT: projectId,
    ...(name === 'gcp' ? {} : { METADATA_SERVER_DETECTION: 'none' }),
  };
  Object.assign(process.env, own);
  const by = (part: SandboxPart) => namedBefore(env, part) ?? servers.get(part)?.by ?? '';
  return {
    name,
    projectId,
    env: own,
    servedBy: {
      ...{ mqtt: by('mqtt'), pubsub: by('pubsub'), redis: by('redis') },
      ...{ firestore: by('firestore'), storage: by('storage'), bigquery: by('bigquery') },
    },
    close,
  };
}

/** A server outside the sandbox, if this target has one. */
async function chosen(name: TargetName, part: SandboxPart, env: NodeJS.ProcessEnv): Promise<Server | undefined> {
  if (name === 'gcp' && CLOUD.has(part)) return { by: 'Google Cloud' };
  const address = env[VARIABLES[part]];
  if (name !== 'sandbox' && address) return { by: `${VARIABLES[part]}=${address}`, address };
  if (part === 'mqtt' && findMosquitto() !== undefined) {
    const broker = await startMosquitto();
    return { by: 'mosquitto', address: broker.url, close: broker.close };
  }
  if (name === 'emulators' && (part === 'pubsub' || part === 'firestore') && hasGoogleEmulators()) {
    const emulator = await startGoogleEmulator(part);
    return { by: "Google's emulator", address: emulator.host, close: emulator.close };
  }
  return undefined;
}

function bySandbox(part: SandboxPart): string {
  return part === 'redis' ? 'redis-server' : 'the sandbox';
}

/** Names the servers that were started for several flows, because their addresses do not show it. */
function namedBefore(env: NodeJS.ProcessEnv, part: SandboxPart): string | undefined {
  return env[`E2E_SERVED_BY_${part.toUpperCase()}`];
}
