import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from '../../src/services/services.ts';
import { peakMegabytes } from '../../src/testing/peak-megabytes.ts';
import { pipelineFolder } from '../../src/testing/pipeline-folder.ts';
import { startProxies } from '../../src/testing/proxied-servers.ts';
import { openScope } from '../../src/testing/scope.ts';
import type { Scrape } from '../../src/testing/scrape.ts';
import { startServers } from '../../src/testing/servers.ts';
import type { ServiceProcess } from '../../src/testing/service-process.ts';
import { openRun, SERVICES, type ServiceCases, type TestRun } from '../../src/testing/test-run.ts';
import type { FrozenServer, Mischief } from './mischief.ts';

/** Faults of a sandbox, and the four services as processes behind proxies. */
export interface Playground {
  /** Its load goes directly to the broker, and is not affected. */
  readonly run: TestRun;
  readonly broker: string;
  /** Injects one fault, and resolves when it is over: a killed service is up again. */
  perform(mischief: Mischief): Promise<void>;
  /** The peak memory of each service, in MB, over all of its processes. */
  readonly peakMegabytes: ReadonlyMap<ServiceName, number>;
  /** Removes the injected faults. */
  clearFaults(): void;
  /** Removes all faults, and ends each service with SIGTERM, in the order of the data; returns their exit codes. */
  finish(): Promise<{ readonly name: ServiceName; readonly code: number | null; readonly metrics: Scrape }[]>;
  scrape(name: ServiceName): Promise<Scrape>;
  close(): Promise<void>;
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts everything, with the run's id in each name. */
export async function openPlayground(seed: number): Promise<Playground> {
  const scope = openScope();
  const { sandbox, mosquitto, mqttEnv } = await startServers(scope, { mosquitto: true });
  const mqttUrl = mqttEnv.MQTT_URL;
  const servers = scope.use(await startProxies(sandbox, mqttUrl));
  const clock = pipelineFolder(scope).file('clock-step', '0');
  const env = {
    ...mqttEnv,
    ...servers.env,
    CLOCK_STEP_FILE: clock,
    NODE_OPTIONS: `--import ${join(import.meta.dirname, '../../src/testing/steppable-clock.mjs')}`,
  };
  const run = await openRun(scope, { projectId: sandbox.projectId, mqttUrl, devices: 100, seed, sharedIds: true, env });
  // The shortest lease of Pub/Sub: messages of a killed service are redelivered soon.
  const ofConsumers = { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000' };
  const settings: ServiceCases<Readonly<Record<string, string>>> = {
    ingestion: { DATAFLOW_MQTT__RECONNECT_MAX_MS: '2000' },
    // Small caches, so that lookups reach all layers.
    enrich: { ...ofConsumers, DATAFLOW_LOOKUP__MEMORY__MAX_ENTRIES: '20', DATAFLOW_LOOKUP__REDIS__TTL_MS: '1000' },
    icestore: ofConsumers,
    bigqueries: ofConsumers,
  };
  const start = (name: ServiceName) => run.start(name, settings[name]);
  const services = new Map<ServiceName, ServiceProcess>();
  for (const name of SERVICES) services.set(name, await start(name));
  const running = (name: ServiceName): ServiceProcess => {
    const service = services.get(name);
    if (service === undefined) throw new Error(`${name} is not running`);
    return service;
  };

  const peaks = new Map<ServiceName, number>();
  const measure = (name: ServiceName): void => {
    peaks.set(name, Math.max(peaks.get(name) ?? 0, peakMegabytes(running(name).pid)));
  };
  const pidOf = (server: FrozenServer): number | undefined =>
    server === 'mosquitto' ? mosquitto?.pid : childNamed(server);
  const freeze = async (pid: number, forMs: number): Promise<void> => {
    process.kill(pid, 'SIGSTOP');
    await wait(forMs);
    process.kill(pid, 'SIGCONT');
  };

  const restart = async (name: ServiceName, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const service = running(name);
    measure(name);
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
      case 'stderr stalled':
        running(mischief.service).stallOutput();
        return;
      case 'clock stepped':
        writeFileSync(clock, String(mischief.byMs));
        return;
      case 'service frozen':
        return freeze(running(mischief.service).pid, mischief.forMs);
      case 'server frozen': {
        const pid = pidOf(mischief.server);
        if (pid !== undefined) await freeze(pid, mischief.forMs);
        return;
      }
      case 'connections cut':
        servers.proxies.get(mischief.part)?.cut();
        return;
      case 'server unreachable':
      case 'server silent': {
        const proxy = servers.proxies.get(mischief.part);
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
    run,
    broker: mosquitto === undefined ? "the sandbox's" : 'mosquitto',
    perform,
    scrape: (name) => running(name).scrape(),
    peakMegabytes: peaks,
    clearFaults: () => sandbox.faults.clear(),
    finish: async () => {
      sandbox.faults.clear();
      for (const proxy of servers.proxies.values()) await proxy.restore();
      const ends: { name: ServiceName; code: number | null; metrics: Scrape }[] = [];
      for (const name of SERVICES) {
        const metrics = await running(name).scrape();
        measure(name);
        ends.push({ name, metrics, code: await running(name).end('SIGTERM') });
      }
      return ends;
    },
    close: scope.close,
  };
}

/** The process id of a child of this process, by the name of its program. */
function childNamed(name: string): number | undefined {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean),
  );
  return children.map(Number).find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name);
}
