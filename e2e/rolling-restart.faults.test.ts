import * as assert from 'uvu/assert';
import type { ServiceName } from '../src/services/services.ts';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import type { ServiceProcess } from '../src/testing/service-process.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun, SERVICES, type TestRun } from '../src/testing/test-run.ts';
import type { Reading } from '../src/tools/load/fleet.ts';
import { compare, lineContents, publishedContents, rowContents } from './chaos/contents.ts';

const RATE = 500;
/** The most messages published after the signal: on a slow machine, a restart takes longer than these. */
const AFTER_SIGNAL = 1_500;
/** Messages that a replica receives during a load before its restart begins. */
const BEFORE_SIGNAL = 50;
/** Messages published again and again until a new process has settled one. */
const WARM_UP = 250;
/** Messages published after the last restart. */
const AFTERWARDS = 1_000;
/** Time of each call to a sink, as over a network: otherwise hardly any message is in flight at the signal. */
const LATENCY_MS = 200;
/** The shortest lease, so that a message whose acknowledgment was lost comes again before the test ends. */
const LEASE = { DATAFLOW_SOURCE__ACK_DEADLINE_MS: '10000' };
const TEST_TIMEOUT_MS = 400_000;

const SLOW_CALLS = [
  { server: 'pubsub', method: 'Publish' },
  { server: 'storage', method: 'storage.objects.insert' },
  { server: 'bigquery', method: 'tabledata.insertAll' },
] as const;

/** A process of a replica. Its successor has the same ordinal. */
interface Replica {
  readonly service: ServiceName;
  readonly ordinal: number;
  readonly process: ServiceProcess;
}

/** A process that has ended, and the counts that it logged. */
interface Ended {
  readonly service: ServiceName;
  readonly tookMs: number;
  /** Messages in flight when the signal came. */
  readonly inFlight: number;
  readonly received: number;
  readonly acked: number;
}

const nameOf = ({ service, ordinal }: Replica): string => `${service}-${ordinal}`;

/** Returns a count in the only line that a process has logged for an event. */
function logged({ output }: ServiceProcess, event: string, count: string): number {
  const lines = output.split('\n').filter((line) => line.includes(`"event":"${event}"`));
  assert.is(lines.length, 1, `${event} in\n${output.slice(-3_000)}`);
  return Number(JSON.parse(lines[0] ?? '')[count]);
}

/** Starts a replica. Those of ingestion have a client id each, and share their subscriptions. */
async function startReplica(run: TestRun, service: ServiceName, ordinal: number): Promise<Replica> {
  const { runId } = run.resources;
  const identity = { MQTT_CLIENT_ID: `ingestion-${runId}-${ordinal}`, MQTT_SHARE_GROUP: `group-${runId}` };
  return { service, ordinal, process: await run.start(service, service === 'ingestion' ? identity : LEASE) };
}

/** Ends a replica with SIGTERM, and asserts that it exits with 0 before its deadline. */
async function endReplica(replica: Replica): Promise<Ended> {
  const { service, process } = replica;
  const started = performance.now();
  assert.is(await process.end('SIGTERM'), 0, `${nameOf(replica)}:\n${process.output.slice(-3_000)}`);
  assert.not.match(process.output, '"event":"service.abandoned"');
  return {
    service,
    tookMs: performance.now() - started,
    inFlight: logged(process, 'service.stopping', 'inFlight'),
    received: logged(process, 'service.stopped', 'received'),
    acked: logged(process, 'service.stopped', 'acked'),
  };
}

/**
 * Requests `/readyz` of a replica while `work` is done, and asserts that it was ready all the time. Returns the number
 * of answers.
 */
async function staysReady({ process }: Replica, work: () => Promise<void>): Promise<number> {
  const notReady = async () => (await process.scrape()).events('service.not_ready');
  const earlier = await notReady();
  const red: string[] = [];
  let answers = 0;
  let isDone = false;
  const watch = async (): Promise<void> => {
    while (!isDone) {
      const { status, text } = await process.ready().catch((error) => ({ status: 0, text: String(error) }));
      answers += 1;
      if (status !== 200) red.push(`${status} ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const done = work().finally(() => {
    isDone = true;
  });
  await Promise.all([done, watch()]);
  assert.equal(red, [], process.output);
  assert.is(await notReady(), earlier, process.output);
  return answers;
}

/** Waits until nothing is missing in a sink, and asserts that it has nothing else. */
async function arrival(expected: ReadonlySet<string>, contents: () => Promise<string[]>): Promise<void> {
  let arrived = 0;
  const { entries, lost, strange } = await eventually(
    async () => {
      const comparison = compare(expected, await contents());
      ({ arrived } = comparison);
      assert.is(comparison.lost, 0, 'lost');
      return comparison;
    },
    { everyMs: 500, progress: () => arrived },
  );
  assert.equal({ entries, lost, strange }, { entries: expected.size, lost: 0, strange: 0 });
}

suite('two replicas of each service', (it) => {
  const { long, skip, before, afterEach } = it;
  const TITLE = 'rolling restart under load: 0 lost, 0 duplicated, and the other replica stays ready';
  if (findMosquitto() === undefined) {
    skip(TITLE, 'mosquitto is not installed');
    return;
  }
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    const parts = ['pubsub', 'firestore', 'storage', 'bigquery', 'redis'] as const;
    servers = await startServers(whole, { parts, mosquitto: true });
  });
  afterEach(() => servers.sandbox.faults.clear());

  long(
    TITLE,
    async () => {
      const { sandbox, mqttEnv } = servers;
      const run = await openRun(scope, {
        projectId: sandbox.projectId,
        mqttUrl: mqttEnv.MQTT_URL,
        seed: 11,
        sharedIds: true,
        env: mqttEnv,
      });
      const replicas = await Promise.all(
        SERVICES.flatMap((service) => [startReplica(run, service, 0), startReplica(run, service, 1)]),
      );
      for (const call of SLOW_CALLS) sandbox.faults.add({ ...call, latencyMs: LATENCY_MS });
      const all = run.fleet.readings(Number.POSITIVE_INFINITY);
      /** The next readings, up to a limit that may change. A loop over `all` itself would end it. */
      function* upTo(limit: { count: number }): Generator<Reading> {
        for (let taken = 0; taken < limit.count; taken += 1) yield all.next().value;
      }
      const load = (limit: { count: number }) => run.load({ ratePerSecond: RATE, readings: upTo(limit) });
      const ended: Ended[] = [];
      let published = 0;
      let answers = 0;

      const restart = async (index: number, replica: Replica): Promise<void> => {
        const { service, ordinal, process } = replica;
        const earlier = (await process.scrape()).received;
        const limit = { count: Number.POSITIVE_INFINITY };
        const during = load(limit);
        const metrics = await eventually(async () => {
          const metrics = await process.scrape();
          assert.ok(metrics.received >= earlier + BEFORE_SIGNAL, `${nameOf(replica)} has no share`);
          return metrics;
        });
        metrics.assertLedger();
        limit.count = during.published + AFTER_SIGNAL;
        ended.push(await endReplica(replica));
        replicas[index] = await startReplica(run, service, ordinal);
        published += await during.stop();
      };
      // The sinks first, as docs/deploying.md recommends.
      for (const [index, replica] of [...replicas.entries()].toReversed()) {
        const both = replicas.filter(({ service }) => service === replica.service);
        const other = both.find((one) => one !== replica);
        assert.ok(other);
        // The first messages of a new process open its connections.
        for (const { process } of both) {
          while ((await process.scrape()).settled('acked') === 0) published += await load({ count: WARM_UP }).done;
        }
        answers += await staysReady(other, () => restart(index, replica));
      }
      published += await load({ count: AFTERWARDS }).done;

      const expected = publishedContents(run.fleet.readings(published));
      await arrival(expected, () => rowContents(run.resources));
      await arrival(expected, () => lineContents(run.resources));
      for (const replica of replicas) ended.push(await endReplica(replica));
      for (const service of SERVICES) {
        const processes = ended.filter((one) => one.service === service);
        const signals = processes.slice(0, 2);
        const inFlight = signals.map((one) => one.inFlight);
        assert.ok(
          inFlight.some((count) => count > 0),
          `${service} was restarted with nothing in flight`,
        );
        for (const { received } of processes) assert.ok(received > 0, `a replica of ${service} has no share`);
        // Each process had its settlements confirmed, so nothing is left to repeat. Rows alone would hide a repetition,
        // because BigQuery recognizes its insert id.
        const acked = processes.reduce((total, one) => total + one.acked, 0);
        assert.is(acked, published, `messages that all processes of ${service} acknowledged`);
        const tookMs = signals.map((one) => Math.round(one.tookMs));
        console.log(
          `  ${service}: ${inFlight.join(' and ')} in flight at SIGTERM, ended in ${tookMs.join(' and ')} ms`,
        );
      }
      console.log(`  ${published} messages, ${answers} answers of /readyz: 0 lost, 0 duplicated`);
    },
    TEST_TIMEOUT_MS,
  );
});
