import * as assert from 'uvu/assert';
import type { FaultRule } from '../src/sandbox/faults/fault-rule.ts';
import { eventually } from '../src/testing/eventually.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { sized } from '../src/testing/size.ts';
import { suite } from '../src/testing/suite.ts';
import { casesOf, openService, type ServiceCases } from '../src/testing/test-run.ts';

const LEAST_MESSAGES = sized({ full: 6_000, short: 2_000 });
/** Lost answers of each rule. */
const LEAST_LOST = 3;
const RATE = 2_000;
const TEST_TIMEOUT_MS = 120_000;

interface Case {
  /** Calls that succeed, with a lost response. */
  readonly lost: readonly FaultRule[];
  /** The event of the service's retry. */
  readonly event: string;
  /** A second publish creates a second message: Pub/Sub does not compare contents. */
  readonly mayRepeat: boolean;
  readonly env: Readonly<Record<string, string>>;
}

const lostPublish: FaultRule = { server: 'pubsub', method: 'Publish', probability: 0.1, seed: 1, dropResponse: true };
/** A lost ack response: the ack is sent again, without effect. */
const lostAck: FaultRule = { server: 'pubsub', method: 'Acknowledge', probability: 0.2, seed: 2, dropResponse: true };

const CASES: ServiceCases<Case> = {
  ingestion: { lost: [lostPublish], event: 'publish.retried', mayRepeat: true, env: {} },
  enrich: { lost: [lostPublish, lostAck], event: 'publish.retried', mayRepeat: true, env: {} },
  icestore: {
    lost: [
      { server: 'storage', method: 'storage.objects.insert', probability: 0.3, seed: 3, dropResponse: true },
      lostAck,
    ],
    event: 'upload.existed',
    mayRepeat: false,
    env: { ARCHIVE_MAX_AGE_MS: '100' },
  },
  bigqueries: {
    lost: [
      { server: 'bigquery', method: 'tabledata.insertAll', probability: 0.3, seed: 4, dropResponse: true },
      {
        server: 'bigquery',
        method: 'tabledata.insertAll',
        seed: 5,
        rowErrors: { reason: 'backendError', probability: 0.05 },
      },
      lostAck,
    ],
    event: 'insert.retried',
    mayRepeat: false,
    env: { DATAFLOW_INSERT__MAX_ROWS: '100' },
  },
};

suite('responses lost after the work was done', (it) => {
  const { test, long, before, afterEach } = it;
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  before(async () => {
    servers = await startServers(whole);
  });
  afterEach(() => servers.sandbox.faults.clear());

  for (const [name, { lost, event, mayRepeat, env }] of casesOf(CASES)) {
    const register = name === 'ingestion' || name === 'icestore' ? test : long;
    register(
      `${name} loses nothing${mayRepeat ? '' : ', and writes nothing twice'}`,
      async () => {
        const { sandbox, mqttEnv } = servers;
        const { projectId } = sandbox;
        const tested = await openService(scope, name, { projectId, mqttUrl: mqttEnv.MQTT_URL, env });
        const service = await tested.start();
        // With a broker, the whole load may wait in the service's window; the rules must not affect the load itself.
        const resource = `*${tested.resources.topics[name === 'ingestion' ? 'raw' : 'enriched']}`;
        const faults = lost.map((rule) =>
          sandbox.faults.add(rule === lostPublish ? { ...lostPublish, resource } : rule),
        );
        // Not a number of messages alone: the slower the machine, the more of them are in one call.
        const load = tested.load({ ratePerSecond: RATE });
        await eventually(
          () => {
            assert.ok(load.published >= LEAST_MESSAGES, `${load.published} messages`);
            for (const { fired, rule } of faults) assert.ok(fired >= LEAST_LOST, `${fired} lost: ${rule.method}`);
          },
          { progress: () => faults.reduce((sum, { matched }) => sum + matched, load.published) },
        );
        const messages = await load.stop();
        await tested.arrival(messages);
        const metrics = await eventually(async () => {
          const scrape = await service.scrape();
          assert.is(scrape.inFlight, 0);
          return scrape;
        });
        metrics.assertLedger();
        const { entries } = await tested.sink();
        const fired = faults.map((fault) => fault.fired);
        console.log(`  ${name}: ${fired.join(' and ')} responses lost, ${entries - messages} duplicated`);
        assert.ok(metrics.events(event) > 0, `no ${event}`);
        if (mayRepeat) {
          // A request with a lost response is published again, with all of its messages.
          const flushed = metrics.value('dataflow_stage_batches_total', { stage: 'flushed' });
          const bound = Math.ceil((messages / flushed) * (fired[0] ?? 0) * 4);
          assert.ok(entries > messages, 'a lost publish is repeated');
          assert.ok(entries - messages <= bound, `${entries - messages} duplicates, at most ${bound}`);
        } else assert.is(entries, messages, 'entries');
        sandbox.faults.clear();
        assert.is(await service.end(), 0, service.output.slice(-2_000));
      },
      TEST_TIMEOUT_MS,
    );
  }
});
