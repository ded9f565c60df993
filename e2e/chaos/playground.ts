import { createResources, namedResources, type RunResources } from '../../src/demo/run-resources.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts';
import { findMosquitto, startMosquitto } from '../../src/testing/mosquitto.ts';
import type { Scrape } from '../../src/testing/scrape.ts';
import { type ServiceProcess, startService } from '../../src/testing/service-process.ts';
import { type Mischief, PARTS, type Part, SERVICES, type ServiceName } from './mischief.ts';

/** Faults of a sandbox, and the four services as processes behind proxies. */
export interface Playground {
  readonly sandbox: Sandbox;
  readonly resources: RunResources;
  readonly fleet: Fleet;
  /** Of the broker itself: the load does not suffer. */
  readonly mqttUrl: string;
  readonly broker: string;
  /** Lets one thing go wrong, and resolves when it is over: a service that was ended is up again. */
  perform(mischief: Mischief): Promise<void>;
  /** Takes all faults away, and ends each service with SIGTERM, in the order of the data; returns their exit codes. */
  finish(): Promise<{ readonly name: ServiceName; readonly code: number | null; readonly metrics: Scrape }[]>;
  scrape(name: ServiceName): Promise<Scrape>;
  close(): Promise<void>;
}

const portOf = (address: string) => ({ port: Number(address.split(':').at(-1)) });
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts everything, each name with the run's id. */
export async function openPlayground(runId: string, seed: number): Promise<Playground> {
  const sandbox = await startSandbox();
  sandbox.applyEnv();
  const mosquitto = findMosquitto() === undefined ? undefined : await startMosquitto();
  const mqttUrl = mosquitto?.url ?? sandbox.env.MQTT_URL ?? '';
  const resources = namedResources(runId, sandbox.projectId);
  const fleet = new Fleet({ devices: 100, seed, runId });
  await createResources(resources, fleet);
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
    const address = addresses[part];
    if (address !== undefined) proxies.set(part, await startFaultProxy(portOf(address)));
  }
  const host = (part: Part) => `127.0.0.1:${proxies.get(part)?.port ?? 1}`;
  const env = {
    ...resources.env,
    MQTT_URL: `mqtt://${host('mqtt')}`,
    MQTT_PROTOCOL_VERSION: mosquitto === undefined ? '4' : '5',
    PUBSUB_EMULATOR_HOST: host('pubsub'),
    FIRESTORE_EMULATOR_HOST: host('firestore'),
    STORAGE_EMULATOR_HOST: `http://${host('storage')}`,
    BIGQUERY_EMULATOR_HOST: `http://${host('bigquery')}`,
    REDIS_URL: `redis://${host('redis')}`,
  };
  // The shortest lease that Pub/Sub has: what a killed service held comes again soon.
  const ofConsumers = { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000' };
  const settings: Record<ServiceName, Readonly<Record<string, string>>> = {
    ingestion: { DATAFLOW_MQTT__RECONNECT_MAX_MS: '2000' },
    // Small caches, so that lookups go all the way.
    enrich: { ...ofConsumers, DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '20', DATAFLOW_LOOKUP__REDIS__TTL_MS: '1000' },
    icestore: ofConsumers,
    bigqueries: ofConsumers,
  };
  const start = (name: ServiceName) => startService(name, { ...env, ...settings[name] }, { readyWithinMs: 120_000 });
  const services = new Map<ServiceName, ServiceProcess>();
  for (const name of SERVICES) services.set(name, await start(name));
  const running = (name: ServiceName): ServiceProcess => {
    const service = services.get(name);
    if (service === undefined) throw new Error(`${name} is not running`);
    return service;
  };

  const restart = async (name: ServiceName, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const service = running(name);
    if (signal === 'SIGTERM') (await service.scrape()).assertLedger();
    await service.end(signal);
    services.set(name, await start(name));
  };
  const perform = async (mischief: Mischief): Promise<void> => {
    switch (mischief.kind) {
      case 'kill -9':
        return restart(mischief.service, 'SIGKILL');
      case 'SIGTERM':
        return restart(mischief.service, 'SIGTERM');
      case 'connections cut':
        proxies.get(mischief.part)?.cut();
        return;
      case 'server unreachable':
      case 'server silent': {
        const proxy = proxies.get(mischief.part);
        await (mischief.kind === 'server silent' ? proxy?.stall() : proxy?.refuse());
        await wait(mischief.forMs);
        await proxy?.restore();
        return;
      }
      default:
        sandbox.faults.add(mischief.rule);
    }
  };
  return {
    sandbox,
    resources,
    fleet,
    mqttUrl,
    broker: mosquitto === undefined ? "the sandbox's" : 'mosquitto',
    perform,
    scrape: (name) => running(name).scrape(),
    finish: async () => {
      sandbox.faults.clear();
      for (const proxy of proxies.values()) await proxy.restore();
      const ends: { name: ServiceName; code: number | null; metrics: Scrape }[] = [];
      for (const name of SERVICES) {
        const metrics = await running(name).scrape();
        ends.push({ name, metrics, code: await running(name).end('SIGTERM') });
      }
      return ends;
    },
    close: async () => {
      for (const service of services.values()) service.kill('SIGKILL');
      for (const proxy of proxies.values()) await proxy.close();
      await mosquitto?.close();
      await sandbox.close();
    },
  };
}
