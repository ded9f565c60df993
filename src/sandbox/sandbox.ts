import { createServer } from 'node:net';
import { startBigQuery } from './bigquery/start-bigquery.ts';
import { startControl } from './faults/control.ts';
import { Faults } from './faults/faults.ts';
import { startFirestore } from './firestore/start-firestore.ts';
import { listen } from './listen.ts';
import { startMqtt } from './mqtt/start-mqtt.ts';
import type { Permissions } from './permissions.ts';
import { startPubSub } from './pubsub/start-pubsub.ts';
import { startRedis } from './redis/start-redis.ts';
import type { SandboxServer } from './server.ts';
import { SandboxSettings, type SettingsInput } from './settings.ts';
import { SettingsError } from './settings-error.ts';
import { startStorage } from './storage/start-storage.ts';

/** The servers of a sandbox, in the order of their ports when a base is given. */
export type SandboxPart = 'mqtt' | 'pubsub' | 'firestore' | 'storage' | 'bigquery' | 'redis';

interface StartOptions {
  readonly port: number;
  readonly faults: Faults;
  readonly permissions: Permissions;
  readonly settings: SandboxSettings;
  readonly now: () => number;
}

type Starter = (options: StartOptions) => Promise<SandboxServer | undefined>;

const STARTERS: Record<SandboxPart, Starter> = {
  mqtt: startMqtt,
  pubsub: startPubSub,
  firestore: startFirestore,
  storage: startStorage,
  bigquery: startBigQuery,
  redis: startRedis,
};

export interface SandboxOptions {
  /** The first of consecutive ports, one per server. Default: each takes a free one. */
  readonly basePort?: number;
  /** The servers to start. Default: all. */
  readonly parts?: readonly SandboxPart[];
  readonly projectId?: string;
  /**
   * Also starts the control endpoint, `SANDBOX_CONTROL_URL`, where another process can add faults and change settings.
   */
  readonly control?: boolean;
  /** Denied permissions and other initial settings; `Sandbox.settings` changes them later. */
  readonly settings?: SettingsInput;
  /** Milliseconds since 1970: the clock of Cloud Storage and BigQuery. Default: the machine's. */
  readonly now?: () => number;
}

/** A local cloud on 127.0.0.1, in this process (except Redis, which is a real `redis-server`). */
export interface Sandbox {
  readonly projectId: string;
  /** The environment that points the official clients to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Injects faults on demand. */
  readonly faults: Faults;
  /** Denied permissions, and the delay of new columns. */
  readonly settings: SandboxSettings;
  /** Servers that are not available here, with the reason. */
  readonly missing: readonly string[];
  /** Sets `env` in this process. */
  applyEnv(): void;
  close(): Promise<void>;
}

/** Starts the local cloud. If one server cannot start, closes the others. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const parts = new Set(options.parts ?? Object.keys(STARTERS));
  const projectId = options.projectId ?? 'sandbox';
  const faults = new Faults();
  const settings = new SandboxSettings();
  settings.change(options.settings ?? {});
  const { permissions } = settings;
  const now = options.now ?? Date.now;
  const running: SandboxServer[] = [];
  const missing: string[] = [];
  const env: Record<string, string> = { GOOGLE_CLOUD_PROJECT: projectId, METADATA_SERVER_DETECTION: 'none' };
  const portOf = (offset: number) => (options.basePort === undefined ? 0 : options.basePort + offset);
  const start = async (part: SandboxPart, offset: number): Promise<void> => {
    if (!parts.has(part)) return;
    const server = await STARTERS[part]({ port: portOf(offset), faults, permissions, settings, now });
    if (server === undefined) {
      missing.push(`${part}: not installed`);
      return;
    }
    running.push(server);
    Object.assign(env, variableOf(part, server.port));
  };
  if (options.basePort !== undefined) {
    const wanted = [...PARTS.filter((part) => parts.has(part)), ...(options.control ? (['control'] as const) : [])];
    for (const part of wanted) await assertFree(part, options.basePort, portOf([...PARTS, 'control'].indexOf(part)));
  }
  try {
    const started = await Promise.allSettled(PARTS.map(start));
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    if (options.control) {
      const control = await startControl(faults, settings, portOf(PARTS.length));
      running.push(control);
      env.SANDBOX_CONTROL_URL = `http://127.0.0.1:${control.port}`;
    }
  } catch (thrown) {
    await Promise.all(running.map((server) => server.close()));
    throw thrown;
  }
  return {
    projectId,
    env,
    faults,
    settings,
    missing,
    applyEnv: () => {
      Object.assign(process.env, env);
    },
    close: async () => {
      faults.clear();
      await Promise.all(running.map((server) => server.close()));
    },
  };
}

const PARTS = ['mqtt', 'pubsub', 'firestore', 'storage', 'bigquery', 'redis'] as const;

async function assertFree(part: SandboxPart | 'control', basePort: number, port: number): Promise<void> {
  const server = createServer();
  try {
    await listen(server, port);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const count = PARTS.length + 1;
    throw new SettingsError(
      `--ports ${basePort}: port ${port} (${part}) cannot be had: ${why}; give the first of ${count} other consecutive ports, or leave it out for free ones`,
    );
  }
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function variableOf(part: SandboxPart, port: number): Record<string, string> {
  const host = `127.0.0.1:${port}`;
  switch (part) {
    case 'mqtt':
      // aedes supports nothing newer.
      return { MQTT_URL: `mqtt://${host}`, MQTT_PROTOCOL_VERSION: '4' };
    case 'pubsub':
      return { PUBSUB_EMULATOR_HOST: host };
    case 'firestore':
      return { FIRESTORE_EMULATOR_HOST: host };
    case 'storage':
      return { STORAGE_EMULATOR_HOST: `http://${host}` };
    case 'bigquery':
      return { BIGQUERY_EMULATOR_HOST: `http://${host}` };
    case 'redis':
      return { REDIS_URL: `redis://${host}` };
  }
}
