import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Observable } from 'rxjs';
import * as assert from 'uvu/assert';
import type { Delivery } from '../../../src/core/delivery.ts';
import { MessageView } from '../../../src/core/message-path.ts';
import type { Outcome } from '../../../src/core/outcome.ts';
import { Fleet, type FleetOptions, type Reading } from '../../../src/fleet/fleet.ts';
import { publishReadings } from '../../../src/fleet/publish-readings.ts';
import type { Service } from '../../../src/services/service.ts';
import { eventually } from '../../../src/testing/eventually.ts';
import { findMosquitto } from '../../../src/testing/mosquitto.ts';
import { suite } from '../../../src/testing/suite.ts';
import { declaredNames, PIPELINES, RunScope, type ScopeOptions } from './run-scope.ts';
import { LastLines, openService, type ServiceByName } from './services.ts';
import { openTarget, projectOf, type Target, targetName } from './target.ts';
import { Timing } from './timing.ts';

const STOPPED_AFTER_MS = 30_000;
const FLOW_TIMEOUT_MS = 240_000;

export interface FlowOptions extends ScopeOptions {
  readonly devices: number;
  /** Devices that the lookup knows: of these, the first so many have a document. Default: none. */
  readonly knownDevices?: number;
  readonly fleet?: Pick<FleetOptions, 'locations' | 'everyMs'>;
  /** A second run of pipelines in the same flow, with names of its own. */
  readonly second?: ScopeOptions;
  /** Messages that stop moving for so long have stopped for good. Default: 30 s. */
  readonly stoppedAfterMs?: number;
  /** Servers that the sandbox has no substitute for: left out, with the reason, where they are not installed. */
  readonly needs?: readonly ('mosquitto' | 'redis')[];
}

/** A flow while it runs. */
export class Flow {
  readonly target: Target;
  readonly scope: RunScope;
  readonly second: RunScope | undefined;
  readonly fleet: Fleet;
  readonly timing = new Timing();
  readonly #defers: (() => Promise<unknown> | unknown)[] = [];
  readonly #places: Place[] = [];
  readonly #logs: [name: string, log: LastLines][] = [];

  readonly #stoppedAfterMs: number;

  constructor(target: Target, scope: RunScope, second: RunScope | undefined, fleet: Fleet, stoppedAfterMs: number) {
    this.#stoppedAfterMs = stoppedAfterMs;
    this.target = target;
    this.scope = scope;
    this.second = second;
    this.fleet = fleet;
    this.place({ at: 'fleet', name: 'published', count: () => this.timing.published });
  }

  /** Names a place on the messages' way, so that a failure can say where they stopped. */
  place(place: Place): void {
    this.#places.push(place);
    this.#places.sort((one, other) => placeRank(one) - placeRank(other));
  }

  /** Something to do at the end, whatever happens; the last first. */
  defer(end: () => Promise<unknown> | unknown): void {
    this.#defers.push(end);
  }

  /** Starts a service of `pipelines/` in this process, and waits until it is ready. It ends with the flow. */
  start<Name extends keyof ServiceByName>(
    name: Name,
    { scope = this.scope, env = {}, path = join(PIPELINES, name), isReplica = false }: StartOptions = {},
  ): Promise<ServiceByName[Name]> {
    return this.timing.during('start', async () => {
      const log = new LastLines();
      this.#logs.push([name, log]);
      const settings = { ...process.env, ...scope.envOf(name), ...env };
      const service = await openService(name, path, settings, log);
      this.defer(() => service.shutdown());
      const { ledger } = service;
      let readiness = 'not started';
      const watching = service.readiness.subscribe((report) => {
        readiness = report.ready ? 'ready' : JSON.stringify(report);
      });
      this.defer(() => watching.unsubscribe());
      if (!isReplica) {
        const about = () => readiness;
        this.place({ at: name, name: `${name}: received`, count: () => ledger.received, about });
        this.place({ at: name, name: `${name}: settled`, count: () => ledger.acked + ledger.deadLettered, about });
      }
      await service.start();
      await service.ready;
      return service;
    });
  }

  /** Publishes readings over MQTT, and resolves with their number when the broker has confirmed all. */
  load(readings: Iterable<Reading>, ratePerSecond: number): Promise<number> {
    return this.timing.during('load', async () => {
      const published = await publishReadings(readings, {
        url: this.target.env.MQTT_URL ?? '',
        ratePerSecond,
        onSending: ({ id }) => this.timing.sent(id),
        onPublished: () => {
          this.timing.published += 1;
        },
      });
      return published;
    });
  }

  /** Takes a service's settlements for arrivals at its sink. */
  measure({ probes }: Service<{ readonly settled: Observable<Outcome> }>): void {
    probes.settled.subscribe(({ verdict, delivery }) => {
      if (verdict === 'ack') this.timing.arrived(delivery.message.id);
    });
  }

  /** Waits until a check passes; when nothing moves any more, fails and says at which place the messages stopped. */
  async until(what: string, check: () => void | Promise<void>): Promise<void> {
    let before = '';
    let movedAt = performance.now();
    let last: unknown;
    const state = () => this.#places.map(({ count }) => count()).join();
    await eventually(
      async () => {
        const now = state();
        if (now !== before) movedAt = performance.now();
        before = now;
        try {
          await check();
          last = undefined;
        } catch (thrown) {
          last = thrown;
          if (performance.now() - movedAt < this.#stoppedAfterMs) throw thrown;
        }
      },
      { deadlineMs: FLOW_TIMEOUT_MS / 2, everyMs: this.target.name === 'gcp' ? 2_000 : 50 },
    ).catch((thrown: unknown) => {
      last = thrown;
    });
    if (last !== undefined) throw new Error(`${what}: ${String(last)}\n${this.whereStopped()}`, { cause: last });
  }

  /** Where the messages are, place by place. */
  whereStopped(): string {
    const rows = this.#places.map(({ name, count, about }) => ({ name, count: count(), about: about?.() ?? '' }));
    const stop = rows.findIndex(({ count }, index) => index > 0 && count < (rows[index - 1]?.count ?? 0));
    const verdict =
      stop < 0
        ? 'messages passed every place of this flow'
        : `messages stopped before "${rows[stop]?.name}", after "${rows[stop - 1]?.name}"`;
    const table = rows.map(
      ({ name, count, about }, index) =>
        `  ${index === stop ? '>' : ' '} ${name.padEnd(28)}${String(count).padStart(9)}  ${about}`,
    );
    const logs = this.#logs.flatMap(([name, { lines }]) => lines.map((line) => `  ${name}: ${line}`));
    return [verdict, ...table, ...(logs.length > 0 ? ['  last warnings:', ...logs] : [])].join('\n');
  }

  /** Ends everything, and removes what the flow has created; every end is tried. */
  async close(): Promise<void> {
    const problems: unknown[] = [];
    const attempt = async (work: () => unknown): Promise<void> => {
      try {
        await work();
      } catch (thrown) {
        problems.push(thrown);
      }
    };
    for (let end = this.#defers.pop(); end !== undefined; end = this.#defers.pop()) await attempt(end);
    for (const scope of [this.scope, ...(this.second === undefined ? [] : [this.second])]) {
      if (process.env.E2E_KEEP === '1') console.log(`kept: ${scope.declarations.flatMap(declaredNames).join(', ')}`);
      else await attempt(() => scope.remove());
    }
    if (problems.length > 0) throw new AggregateError(problems, problems.map(String).join('\n'));
  }
}

export interface StartOptions {
  readonly scope?: RunScope;
  readonly env?: Readonly<Record<string, string>>;
  /** Another folder or file than the one of `pipelines/`. */
  readonly path?: string;
  /** One of several: what passes it alone says nothing about where messages stopped. */
  readonly isReplica?: boolean;
}

/** The way of a message, as far as a failure has to know it. */
const WAY = ['fleet', 'ingestion', 'enrich', 'icestore', 'bigqueries', 'sink'] as const;

/** A place that messages pass, and how many have. */
export interface Place {
  readonly at: (typeof WAY)[number];
  readonly name: string;
  readonly count: () => number;
  /** What there is to say about its state. */
  readonly about?: () => string;
}

function placeRank({ at }: Place): number {
  return WAY.indexOf(at);
}

/**
 * Defines a flow, as a suite with one test: set-up, the body, and the teardown whatever happens; then the table.
 * The body must set `timing.expected` and `timing.verified`, and they must be equal.
 */
export function flow(name: string, options: FlowOptions, body: (run: Flow) => Promise<void>): void {
  suite(`flow ${name}`, ({ test, skip }) => {
    const runId = randomBytes(4).toString('hex');
    const scopes = (projectId: string): [RunScope, RunScope | undefined] => [
      new RunScope(runId, projectId, options),
      options.second === undefined ? undefined : new RunScope(`${runId}b`, projectId, options.second),
    ];
    if (process.env.E2E_DRY_RUN === '1') {
      test('lists what it would create', () => {
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
    const fleet = new Fleet({ devices: options.devices, seed: 7, runId, topicRoot, ...options.fleet });
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
      assert.ok(timing.expected > 0, 'the flow says what it expects');
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

/** Keeps each device's sequence numbers in the order in which they pass a probe. */
export function sequencesOf(probe: Observable<Delivery>): Map<string, number[]> {
  const sequences = new Map<string, number[]>();
  probe.subscribe(({ message }) => {
    const payload: unknown = new MessageView(message).payload;
    if (typeof payload !== 'object' || payload === null || !('device_id' in payload) || !('sequence' in payload))
      return;
    const known = sequences.get(String(payload.device_id)) ?? [];
    known.push(Number(payload.sequence));
    sequences.set(String(payload.device_id), known);
  });
  return sequences;
}

/**
 * Each device's readings have passed in order, from the first to the last, and all of them. A repetition of what had
 * passed is allowed: delivery is at least once.
 */
export function assertInOrder(
  sequences: ReadonlyMap<string, readonly number[]>,
  expected: number,
  stage: string,
): void {
  let total = 0;
  for (const [device, numbers] of sequences) {
    const first = [...new Set(numbers)];
    assert.equal(
      first,
      Array.from(first, (_, index) => index),
      `${stage}: the readings of ${device} in order`,
    );
    total += first.length;
  }
  assert.is(total, expected, `${stage}: every reading`);
}
