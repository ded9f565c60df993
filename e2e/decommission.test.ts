import { connect, type IClientOptions, type IConnackPacket } from 'mqtt';
import * as assert from 'uvu/assert';
import { eventually } from '../src/testing/eventually.ts';
import { findMosquitto, type Mosquitto, startMosquitto } from '../src/testing/mosquitto.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { type Servers, startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openService } from '../src/testing/test-run.ts';

const MESSAGES = 200;
const LATER = 100;
const TITLE = 'a removed replica of ingestion: its session is delivered, then receives nothing more, then is removed';

suite('decommissioning', (it) => {
  const { test, skip, before, afterEach } = it;
  if (findMosquitto() === undefined) {
    skip(TITLE, 'mosquitto is not installed');
    return;
  }
  const scope = testScope(it);
  const whole = suiteScope(it);
  let servers: Servers;
  let broker: Mosquitto;
  before(async () => {
    servers = await startServers(whole, { parts: ['pubsub', 'firestore'] });
    broker = whole.use(await startMosquitto());
  });
  afterEach(() => servers.sandbox.faults.clear());

  /** Returns whether the broker had a session of this client; with `clean`, it then has none. */
  const hadSession = async (clientId: string, clean: boolean): Promise<boolean> => {
    const own = { clientId, protocolVersion: 5, reconnectPeriod: 0, properties: { sessionExpiryInterval: 0 } } as const;
    const sessionOf = async (options: IClientOptions) => {
      const client = connect(broker.url, { ...own, ...options });
      const { sessionPresent } = await new Promise<IConnackPacket>((resolve, reject) => {
        client.once('connect', resolve).once('error', reject);
      });
      await client.endAsync();
      return sessionPresent;
    };
    const present = await sessionOf({ clean: false, properties: { sessionExpiryInterval: 3_600 } });
    if (clean) await sessionOf({ clean: true });
    return present;
  };

  test(TITLE, async () => {
    const tested = await openService(scope, 'ingestion', {
      projectId: servers.sandbox.projectId,
      mqttUrl: broker.url,
      env: { MQTT_PROTOCOL_VERSION: '5', DATAFLOW_MQTT__MAX_IN_FLIGHT: '200' },
    });
    const { runId, topics } = tested.resources;
    const idOf = (ordinal: number) => `ingestion-${runId}-${ordinal}`;
    const start = (ordinal: number, env: Readonly<Record<string, string>> = {}) =>
      tested.start({ MQTT_CLIENT_ID: idOf(ordinal), MQTT_SHARE_GROUP: `group-${runId}`, ...env });
    const stays = await start(0);
    const leaves = await start(1);
    // Publishing is blocked, so that the broker has messages for the second replica when it goes.
    const stuck = servers.sandbox.faults.add({
      server: 'pubsub',
      method: 'Publish',
      resource: `*/${topics.raw}`,
      error: { code: 'UNAVAILABLE' },
    });
    assert.is(await tested.load({ ratePerSecond: 2_000, count: MESSAGES }).done, MESSAGES);
    const held = await eventually(async () => {
      const { inFlight } = await leaves.scrape();
      assert.is(inFlight + (await stays.scrape()).inFlight, MESSAGES);
      assert.ok(inFlight > 0, 'has a share');
      return inFlight;
    });
    await leaves.end('SIGKILL');
    stuck.remove();
    await tested.arrival(MESSAGES - held);

    const last = await start(1, { DATAFLOW_MQTT__DECOMMISSION: 'true' });
    await tested.arrival(MESSAGES);
    assert.ok((await last.scrape()).events('mqtt.unsubscribed') > 0);
    await tested.load({ ratePerSecond: 2_000, readings: tested.fleet.readings(LATER) }).done;
    await eventually(async () => assert.is((await stays.scrape()).received, MESSAGES - held + LATER));
    assert.is((await last.scrape()).received, held, 'only its old messages');
    assert.is(await last.end(), 0, last.output.slice(-2_000));

    assert.is(await hadSession(idOf(1), true), true, 'until it is removed');
    assert.is(await hadSession(idOf(1), false), false);
    assert.is(await stays.end(), 0, stays.output.slice(-2_000));
  });
});
