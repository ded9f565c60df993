import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { pipelinesIn } from '../services/pipeline.ts';
import type { ServiceName } from '../services/services.ts';
import { type Platform, startPlatform } from '../tools/demo/platform.ts';
import { createResources, SHIPPED_PIPELINES } from '../tools/demo/provision-run.ts';
import { namedResources, type RunResources } from '../tools/demo/run-resources.ts';
import { countLines, countRows, type SinkCount } from '../tools/demo/sink-counts.ts';
import { Fleet, type Reading } from '../tools/load/fleet.ts';
import { builtInPipeline } from './cli.ts';
import { collectIds } from './collect-ids.ts';
import { eventually } from './eventually.ts';
import { type Load, type LoadOptions, mqttLoad, pubsubLoad } from './load.ts';
import type { Scope } from './scope.ts';
import { type ServiceProcess, startService } from './service-process.ts';

type Env = Readonly<Record<string, string>>;

const PIPELINES = join(import.meta.dirname, '../../pipelines');

/** The services with a pipeline in `pipelines/`, in the order of the data. */
export const SERVICES: readonly ServiceName[] = pipelinesIn(PIPELINES);

/** A case for each service of a test. */
export type ServiceCases<Case> = Readonly<Partial<Record<ServiceName, Case>>>;

/** The cases of a test, in the order of the data. */
export function casesOf<Case>(cases: ServiceCases<Case>): (readonly [name: ServiceName, tested: Case])[] {
  return SERVICES.flatMap((name) => {
    const tested = cases[name];
    return tested === undefined ? [] : [[name, tested] as const];
  });
}

/** The pipelines that declare the topics between services. */
const WITH_TOPICS: readonly ServiceName[] = ['ingestion', 'enrich'];

const STUCK_AFTER_MS = 60_000;

export interface RunOptions {
  readonly projectId: string;
  /** Broker of the load and of the services. */
  readonly mqttUrl?: string;
  /** Default: 50. */
  readonly devices?: number;
  /** The same seed gives the same readings. Default: 1. */
  readonly seed?: number;
  /** Makes every device count alike, see `FleetOptions`. */
  readonly sharedIds?: boolean;
  /** Overrides of settings, and addresses of servers, for every service of the run. */
  readonly env?: Env;
}

/** Resources with a random run id in each name, the publishing fleet, and the services of `pipelines/`. */
export interface TestRun {
  readonly resources: RunResources;
  readonly fleet: Fleet;
  /** The environment of every service of the run. */
  readonly env: Env;
  /** Starts a service in its own process, with the same identity each time; it is killed with the scope. */
  start(name: ServiceName, env?: Env): Promise<ServiceProcess>;
  /** Starts all services in this process; they are shut down with the scope. */
  startPlatform(): Promise<Platform>;
  /** Publishes readings of the fleet over MQTT; `readings` continues an earlier load. */
  load(options: LoadOptions & { readonly readings?: Iterable<Reading> }): Load;
  /**
   * Waits until this number of distinct ids is in the table and in the bucket. Fails when none has arrived for this
   * time (default: 60 s). The total time is not limited, because it depends on the machine.
   */
  arrivalInBothSinks(distinctIds: number, stuckAfterMs?: number): Promise<void>;
}

/** Creates the resources of a run, as declared in its pipelines. */
export async function openRun(
  scope: Scope,
  { projectId, mqttUrl = '', devices = 50, seed = 1, sharedIds = false, env: more = {} }: RunOptions,
  pipelines: readonly ServiceName[] = SERVICES,
): Promise<TestRun> {
  const resources = namedResources(randomBytes(4).toString('hex'), projectId);
  const fleet = new Fleet({ devices, seed, sharedIds, runId: resources.runId });
  await createResources(resources, fleet, pipelines.map(builtInPipeline));
  const env: Env = { MQTT_URL: mqttUrl, ...resources.env, ...more };
  return {
    resources,
    fleet,
    env,
    start: async (name, own = {}) => {
      const service = await startService(name, { ...env, ...own });
      scope.defer(() => service.end('SIGKILL'));
      return service;
    },
    startPlatform: async () => {
      const redis = (env.REDIS_URL ?? process.env.REDIS_URL) !== undefined;
      const platform = await startPlatform({
        pipelines: SHIPPED_PIPELINES,
        env: { ...process.env, ...env },
        level: 'silent',
        redis,
      });
      scope.defer(() => platform.shutdown());
      return platform;
    },
    load: (options) => stopped(scope, mqttLoad(fleet, mqttUrl, options)),
    arrivalInBothSinks: (distinctIds, stuckAfterMs) =>
      arrival([() => countRows(resources), () => countLines(resources)], distinctIds, stuckAfterMs),
  };
}

/** A load stops with the scope, whatever the test's result. */
function stopped(scope: Scope, load: Load): Load {
  scope.defer(() => load.stop().catch(() => {}));
  return load;
}

/** Waits until each sink has this number of distinct ids; fails when none has got more for this time. */
async function arrival(
  sinks: readonly (() => Promise<SinkCount>)[],
  distinctIds: number,
  stuckAfterMs = STUCK_AFTER_MS,
): Promise<void> {
  let arrived = 0;
  await eventually(
    async () => {
      const counts: number[] = [];
      for (const sink of sinks) counts.push((await sink()).distinctIds);
      arrived = counts.reduce((sum, count) => sum + count, 0);
      for (const count of counts) assert.is(count, distinctIds, 'distinct ids in the sink');
    },
    { deadlineMs: stuckAfterMs, everyMs: 200, progress: () => arrived },
  );
}

export interface TestLoadOptions extends LoadOptions {
  readonly ordered?: boolean;
  /** Over MQTT, readings instead of the fleet's. */
  readonly readings?: Iterable<Reading>;
}

/** One service between its own load and a countable sink. */
export interface TestService extends Pick<TestRun, 'resources' | 'fleet'> {
  readonly name: ServiceName;
  /** Starts it in its own process, with the same identity each time; it is killed with the scope. */
  start(env?: Env): Promise<ServiceProcess>;
  /** Publishes the service's input: over MQTT, or to its topic, with an ordering key per device if `ordered`. */
  load(options: TestLoadOptions): Load;
  /** Counts the service's output. */
  sink(): Promise<SinkCount>;
  /** Waits until this number of distinct ids has arrived; fails when none has arrived for this time (default: 60 s). */
  arrival(distinctIds: number, stuckAfterMs?: number): Promise<void>;
  /** Ids in the order of first arrival at the next topic; empty for icestore and bigqueries. */
  firstIds(): string[];
}

/** Creates the resources of one service, its load, and counters of its output. */
export async function openService(scope: Scope, name: ServiceName, options: RunOptions): Promise<TestService> {
  const run = await openRun(scope, options, [...new Set([...WITH_TOPICS, name])]);
  const { resources, fleet } = run;
  const { topics, runId, projectId } = resources;
  const output = name === 'ingestion' ? topics.raw : name === 'enrich' ? topics.enriched : undefined;
  const verify = `verify-${runId}`;
  if (output !== undefined) {
    const pubsub = new PubSub({ projectId });
    await pubsub.topic(output).createSubscription(verify, { enableMessageOrdering: true });
    await pubsub.close();
  }
  const collected = output === undefined ? undefined : scope.use(collectIds(projectId, verify));
  const topicId = name === 'bigqueries' ? topics.enriched : topics.raw;
  const sink = async (): Promise<SinkCount> => {
    if (collected !== undefined) return { entries: collected.total, distinctIds: collected.ids.size };
    return name === 'icestore' ? countLines(resources) : countRows(resources);
  };
  return {
    name,
    resources,
    fleet,
    start: (env) => run.start(name, env),
    load: ({ ordered = true, ...rate }) =>
      name === 'ingestion'
        ? run.load(rate)
        : stopped(scope, pubsubLoad(fleet, { projectId, topicId }, { ...rate, ordered })),
    sink,
    arrival: (distinctIds, stuckAfterMs) => arrival([sink], distinctIds, stuckAfterMs),
    firstIds: () => [...(collected?.ids.keys() ?? [])],
  };
}
