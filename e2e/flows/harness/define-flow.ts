import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { findMosquitto } from '../../../src/testing/mosquitto.ts';
import { suite } from '../../../src/testing/suite.ts';
import { Fleet, type FleetOptions } from '../../../src/tools/load/fleet.ts';
import { Flow } from './flow.ts';
import { declaredNames, RunScope, type ScopeOptions } from './run-scope.ts';
import { openTarget, projectOf, targetName } from './target.ts';

const STOPPED_AFTER_MS = 30_000;
const FLOW_TIMEOUT_MS = 600_000;

export interface FlowOptions extends ScopeOptions {
  readonly devices: number;
  /** Devices with a document for the lookup: the first ones, up to this number. Default: none. */
  readonly knownDevices?: number;
  readonly fleet?: Pick<FleetOptions, 'locations' | 'everyMs'>;
  /** A second run of pipelines in the same flow, with its own names. */
  readonly second?: ScopeOptions;
  /** The flow fails if no message moves for this time. Default: 30 s. */
  readonly stoppedAfterMs?: number;
  /** Servers without a substitute in the sandbox. The flow is skipped, with the reason, if they are not installed. */
  readonly needs?: readonly ('mosquitto' | 'redis')[];
}

/**
 * Defines a flow as a suite with one test: set-up, the body, the teardown in any case, then the table. The body must
 * set `timing.expected` and `timing.verified`, and they must be equal.
 */
export function flow(name: string, options: FlowOptions, body: (run: Flow) => Promise<void>): void {
  suite(`flow ${name}`, ({ test, skip }) => {
    const runId = randomBytes(4).toString('hex');
    const scopes = (projectId: string): [RunScope, RunScope | undefined] => [
      new RunScope(runId, projectId, options),
      options.second === undefined ? undefined : new RunScope(`${runId}b`, projectId, options.second),
    ];
    if (process.env.E2E_DRY_RUN === '1') {
      test('lists the resources it would create', () => {
        process.env.MQTT_URL ??= 'mqtt://127.0.0.1:1883';
        const [first, second] = scopes(projectOf(targetName()));
        const lines = [first, second].flatMap((scope) => scope?.declarations.flatMap(declaredNames) ?? []);
        if ((options.knownDevices ?? 0) > 0) lines.push(`collection ${first.names.collection}`);
        assert.ok(lines.length > 0);
        console.log([`  ${name} would create`, ...new Set(lines)].join('\n    '));
      });
      return;
    }
    const missing = (options.needs ?? []).filter((server) => !isThere(server));
    if (missing.length > 0) return skip('runs', `${missing.join(' and ')}: not installed, and not named`);
    test('runs', () => runFlow(name, runId, options, scopes, body), FLOW_TIMEOUT_MS);
  });
}

function isThere(server: 'mosquitto' | 'redis'): boolean {
  if (server === 'mosquitto') return Boolean(process.env.MQTT_URL) || findMosquitto() !== undefined;
  return Boolean(process.env.REDIS_URL) || spawnSync('redis-server', ['--version']).error === undefined;
}

async function runFlow(
  name: string,
  runId: string,
  options: FlowOptions,
  scopesOf: (projectId: string) => [RunScope, RunScope | undefined],
  body: (run: Flow) => Promise<void>,
): Promise<void> {
  const stoppedAfterMs = Number(process.env.E2E_STOPPED_AFTER_MS ?? options.stoppedAfterMs ?? STOPPED_AFTER_MS);
  const target = await openTarget();
  try {
    const [scope, second] = scopesOf(target.projectId);
    const topicRoot = `sites-${runId}`;
    const fleet = new Fleet({
      devices: options.devices,
      seed: 7,
      runId,
      topic: `${topicRoot}/{site}/devices/{device}/readings`,
      ...options.fleet,
    });
    const run = new Flow(target, scope, second, fleet, stoppedAfterMs);
    const leave = () => run.close().finally(() => process.exit(1));
    process.once('SIGINT', leave).once('SIGTERM', leave);
    const { timing } = run;
    let failure: unknown;
    try {
      await timing.during('set-up', async () => {
        await scope.create(fleet, fleet.deviceIds.slice(0, options.knownDevices ?? 0));
        await second?.create(fleet, []);
      });
      await body(run);
      assert.ok(timing.expected > 0, 'the flow sets its expected count');
      assert.is(timing.verified, timing.expected, 'everything expected is verified');
    } catch (thrown) {
      failure = thrown;
    }
    process.off('SIGINT', leave).off('SIGTERM', leave);
    await timing
      .during('teardown', () => run.close())
      .catch((thrown: unknown) => {
        if (failure === undefined) failure = thrown;
        else console.error('the teardown failed too:', thrown);
      });
    if (failure !== undefined) throw failure;
    const { mqtt, pubsub, redis, firestore, storage, bigquery } = target.servedBy;
    const by = { mqtt, pubsub, redis, firestore, storage, bigquery };
    console.log(timing.table(`${name} on ${target.name}`));
    console.log(
      `    served by: ${Object.entries(by)
        .map(([part, server]) => `${part} ${server}`)
        .join('; ')}`,
    );
  } finally {
    await target.close();
  }
}
