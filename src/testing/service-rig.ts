import { randomBytes } from 'node:crypto';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { createResources } from '../demo/provision-run.ts';
import { namedResources, type RunResources } from '../demo/run-resources.ts';
import { countLines, countRows, type SinkCount } from '../demo/sink-counts.ts';
import { Fleet } from '../fleet/fleet.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { collectIds } from './collect-ids.ts';
import { eventually } from './eventually.ts';
import { type Load, type LoadOptions, mqttLoad, pubsubLoad } from './load.ts';
import { type ServiceProcess, startService } from './service-process.ts';

export type ServiceName = 'ingestion' | 'enrich' | 'icestore' | 'bigqueries';

export interface ServiceRigOptions {
  readonly sandbox: Pick<Sandbox, 'projectId' | 'env'>;
  /** Of the load. Default: the sandbox's broker. */
  readonly mqttUrl?: string;
  readonly devices?: number;
  readonly seed?: number;
  /** Beside what the rig names: overrides of settings, or other addresses for servers. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One service between a load of its own and a sink that can be counted, every name with a random run id. */
export interface ServiceRig {
  readonly name: ServiceName;
  readonly resources: RunResources;
  readonly fleet: Fleet;
  /** Starts the service in a process of its own, under the same identity each time. */
  start(env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  /** Publishes what the service consumes: over MQTT, or to its topic with an ordering key for each device. */
  load(options: LoadOptions & { readonly ordered?: boolean }): Load;
  /** What has arrived behind the service. */
  sink(): Promise<SinkCount>;
  /** Waits until so many distinct ids have arrived; fails when for so long (default: 60 s) not one of them has. */
  arrival(distinctIds: number, stuckAfterMs?: number): Promise<void>;
  /** Ids in the order in which they first came out of the next topic; empty where the sink is none. */
  firstIds(): string[];
  close(): Promise<void>;
}

/** Whose resources each service stands on: those of the pipelines before it, and its own. */
const NEEDED: Record<ServiceName, readonly ServiceName[]> = {
  ingestion: ['ingestion'],
  enrich: ['ingestion', 'enrich'],
  icestore: ['ingestion', 'enrich', 'icestore'],
  bigqueries: ['ingestion', 'enrich', 'bigqueries'],
};

const STUCK_AFTER_MS = 60_000;

/** Creates the resources of a run, and what it takes to feed one service and to count what it writes. */
export async function openServiceRig(name: ServiceName, options: ServiceRigOptions): Promise<ServiceRig> {
  const { sandbox, devices = 50, seed = 1, env = {} } = options;
  const { projectId } = sandbox;
  const mqttUrl = options.mqttUrl ?? sandbox.env.MQTT_URL ?? '';
  const resources = namedResources(randomBytes(4).toString('hex'), projectId);
  const fleet = new Fleet({ devices, seed, runId: resources.runId });
  await createResources(resources, fleet, NEEDED[name]);
  const { topics, runId } = resources;
  const output = name === 'ingestion' ? topics.raw : name === 'enrich' ? topics.enriched : undefined;
  const verify = `verify-${runId}`;
  if (output !== undefined) {
    const pubsub = new PubSub({ projectId });
    await pubsub.topic(output).createSubscription(verify, { enableMessageOrdering: true });
    await pubsub.close();
  }
  const collected = output === undefined ? undefined : collectIds(projectId, verify);
  const input = name === 'bigqueries' ? topics.enriched : topics.raw;
  const sink = async (): Promise<SinkCount> => {
    if (collected !== undefined) return { entries: collected.total, distinctIds: collected.ids.size };
    return name === 'icestore' ? countLines(resources) : countRows(resources);
  };
  return {
    name,
    resources,
    fleet,
    start: (more = {}) => startService(name, { MQTT_URL: mqttUrl, ...resources.env, ...env, ...more }),
    load: ({ ordered = true, ...rate }) =>
      name === 'ingestion'
        ? mqttLoad(fleet, mqttUrl, rate)
        : pubsubLoad(fleet, { projectId, topicId: input }, { ...rate, ordered }),
    sink,
    arrival: async (distinctIds, stuckAfterMs = STUCK_AFTER_MS) => {
      let arrived = 0;
      await eventually(
        async () => {
          arrived = (await sink()).distinctIds;
          assert.is(arrived, distinctIds, 'distinct ids in the sink');
        },
        { deadlineMs: stuckAfterMs, everyMs: 200, progress: () => arrived },
      );
    },
    firstIds: () => [...(collected?.ids.keys() ?? [])],
    close: async () => {
      await collected?.close();
    },
  };
}
