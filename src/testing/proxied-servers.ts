import type { Sandbox } from '../sandbox/sandbox.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

/** A server that services reach through a proxy. */
export const PARTS = ['mqtt', 'pubsub', 'redis', 'firestore', 'storage', 'bigquery'] as const;
export type Part = (typeof PARTS)[number];

/** A proxy in front of each server of a sandbox. */
export interface ProxiedServers {
  /** The existing ones: Redis may not be installed. */
  readonly proxies: ReadonlyMap<Part, FaultProxy>;
  /** The environment by which services find the proxies. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Puts a proxy in front of every server of a sandbox, and of the broker, which may be another one. */
export async function startProxies(sandbox: Sandbox, mqttUrl: string): Promise<ProxiedServers> {
  const addresses: Record<Part, string | undefined> = {
    mqtt: mqttUrl,
    pubsub: sandbox.env.PUBSUB_EMULATOR_HOST,
    redis: sandbox.env.REDIS_URL,
    firestore: sandbox.env.FIRESTORE_EMULATOR_HOST,
    storage: sandbox.env.STORAGE_EMULATOR_HOST,
    bigquery: sandbox.env.BIGQUERY_EMULATOR_HOST,
  };
  const proxies = new Map<Part, FaultProxy>();
  for (const part of PARTS) {
    const port = addresses[part]?.split(':').at(-1);
    if (port !== undefined) proxies.set(part, await startFaultProxy({ port: Number(port) }));
  }
  const host = (part: Part) => `127.0.0.1:${proxies.get(part)?.port ?? 1}`;
  return {
    proxies,
    env: {
      MQTT_URL: `mqtt://${host('mqtt')}`,
      PUBSUB_EMULATOR_HOST: host('pubsub'),
      REDIS_URL: `redis://${host('redis')}`,
      FIRESTORE_EMULATOR_HOST: host('firestore'),
      STORAGE_EMULATOR_HOST: `http://${host('storage')}`,
      BIGQUERY_EMULATOR_HOST: `http://${host('bigquery')}`,
    },
    close: async () => {
      for (const proxy of proxies.values()) await proxy.close();
    },
  };
}
