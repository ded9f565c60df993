import { createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { of } from 'rxjs';
import * as assert from 'uvu/assert';
import { freePort } from '../../sandbox/free-port.ts';
import { eventually } from '../../testing/eventually.ts';
import { ManualScheduler } from '../../testing/manual-scheduler.ts';
import { type MqttHarness, startMqttSource } from '../../testing/mqtt-harness.ts';
import { type Scope, testScope } from '../../testing/scope.ts';
import { type BrokerConnection, startScriptedBroker } from '../../testing/scripted-broker.ts';
import { suite } from '../../testing/suite.ts';

/** Several times the longest reconnect delay. */
const NO_ZOMBIE_MS = 150;
/** Time for the broker to close the connection after DISCONNECT. */
const END_GRACE_MS = 1_000;

suite('The end of an MQTT source', (it) => {
  const { test } = it;
  const scope = testScope(it);

  /** Packets received after the SUBSCRIBE, by command. */
  const since = (connection: BrokerConnection): string[] =>
    connection.received.map(({ cmd }) => cmd).filter((cmd) => cmd !== 'connect' && cmd !== 'subscribe');

  const ready = (harness: MqttHarness) => eventually(() => assert.ok(harness.readiness.report.ready));

  test('stop completes immediately; later acks are sent, then DISCONNECT without UNSUBSCRIBE', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url);
    const connection = await broker.connection(1);
    for (const packetId of [1, 2]) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(2);
    await ready(harness);
    harness.stop();
    assert.ok(harness.completed, 'inside of the call');
    connection.publish({ packetId: 3, payload: 'm3' });
    harness.ack(0);
    await eventually(() => assert.equal(connection.pubacks, [1]));
    assert.not(connection.closed, 'connected, until the last delivery is settled');
    harness.ack(1);
    await harness.source.disconnected;
    await eventually(() => assert.ok(connection.closed));
    assert.equal(since(connection), ['puback', 'puback', 'disconnect']);
    assert.equal(connection.pubacks, [1, 2]);
    assert.equal(harness.texts, ['m1', 'm2'], 'nothing new after the stop');
    assert.is(harness.source.unconfirmed, 0);
    assert.is(broker.connections.length, 1);
  });

  for (const end of ['the broker has read them', 'an abort']) {
    test(`stop with PUBACKs that the broker has not read waits until ${end}`, async () => {
      const broker = scope.use(await startScriptedBroker());
      const scheduler = new ManualScheduler();
      const harness = startMqttSource(scope, broker.url, {}, { scheduler });
      const connection = await broker.connection(1);
      connection.publish({ packetId: 1, payload: 'm1' });
      await harness.received(1);
      await ready(harness);
      connection.pause();
      harness.ack(0);
      harness.stop();
      let isDisconnected = false;
      void harness.source.disconnected.then(() => {
        isDisconnected = true;
      });
      for (let waited = 0; waited < 20; waited += 1) {
        scheduler.advance(END_GRACE_MS);
        await nextTurn();
      }
      assert.not(isDisconnected);
      assert.ok(harness.client.connected);
      if (end === 'an abort') harness.source.abort();
      else connection.resume();
      await within(2_000, harness.source.disconnected);
      assert.is(harness.source.unconfirmed, end === 'an abort' ? 1 : 0);
      connection.resume();
      await eventually(() => assert.ok(connection.closed));
      assert.equal(since(connection), ['puback', 'disconnect']);
      await noZombie(harness, broker.connections);
    });
  }

  test('stop with nothing in flight disconnects immediately', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { protocolVersion: 4 });
    const connection = await broker.connection(1);
    await ready(harness);
    harness.stop();
    await harness.source.disconnected;
    await eventually(() => assert.equal(since(connection), ['disconnect']));
  });

  test('a stop signal before the start ends the source before it connects', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, {}, { subscriptions: [], stop: of(undefined) });
    assert.ok(harness.completed);
    await harness.source.disconnected;
    await noZombie(harness, broker.connections);
  });

  test('paused messages stay with the broker after the stop, while those in progress are settled', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { keepAliveSeconds: 1, maxInFlight: 2 });
    const connection = await broker.connection(1);
    for (const packetId of [1, 2, 3, 4]) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(2);
    harness.stop();
    const stoppedAt = performance.now();
    harness.ack(0);
    await eventually(() => assert.ok(performance.now() - stoppedAt > 2_000));
    assert.not(connection.closed, 'pings keep the session alive still');
    harness.ack(1);
    await harness.source.disconnected;
    await eventually(() => assert.ok(connection.closed));
    assert.equal(connection.pubacks, [1, 2]);
    assert.is(harness.deliveries.length, 2);
    assert.is(connection.of('disconnect').length, 1);
  });

  test('after the stop, a broken connection is replaced, and messages in progress are acknowledged over it', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url);
    const first = await broker.connection(1);
    first.publish({ packetId: 1, payload: 'm1' });
    await harness.received(1);
    harness.stop();
    first.cut();
    const second = await broker.connection(2);
    second.publish({ packetId: 1, payload: 'm1', dup: true });
    second.publish({ packetId: 2, payload: 'm2' });
    await eventually(() => assert.ok(harness.source.isPaused, 'the new message is held, and its elder was attached'));
    harness.ack(0);
    await harness.source.disconnected;
    await eventually(() => assert.equal(since(second), ['puback', 'disconnect']));
    assert.is(harness.source.unconfirmed, 0);
    assert.is(harness.deliveries.length, 1);
  });

  test('after the stop, a lost session leaves nothing to wait for', async () => {
    const broker = scope.use(await startScriptedBroker({ connack: () => ({ sessionPresent: false }) }));
    const harness = startMqttSource(scope, broker.url);
    const first = await broker.connection(1);
    first.publish({ packetId: 1, payload: 'm1' });
    await harness.received(1);
    harness.stop();
    first.cut();
    await eventually(() => assert.is(harness.context.ledger.expired, 1));
    harness.ack(0);
    await within(2_000, harness.source.disconnected);
    const second = await broker.connection(2);
    await eventually(() => assert.ok(second.closed));
    assert.equal(
      second.received.map(({ cmd }) => cmd),
      ['connect', 'subscribe', 'disconnect'],
      'the new session collects what arrives until the service is back',
    );
    await noZombie(harness, broker.connections);
  });

  test('abort ends immediately and acknowledges nothing: unsettled messages are redelivered', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url, { ackOrder: 'asCompleted' });
    const connection = await broker.connection(1);
    for (const packetId of [1, 2, 3]) connection.publish({ packetId, payload: `m${packetId}` });
    await harness.received(3);
    harness.ack(1);
    await eventually(() => assert.equal(connection.pubacks, [2]));
    harness.abort();
    const { acked, nacked, inFlight } = harness.context.ledger;
    assert.equal({ acked, nacked, inFlight }, { acked: 1, nacked: 2, inFlight: 0 });
    await within(500, harness.source.disconnected);
    await eventually(() => assert.ok(connection.closed));
    harness.ack(0);
    assert.is(harness.context.ledger.settledTwice, 1);
    assert.equal(connection.pubacks, [2]);
    assert.equal(connection.of('unsubscribe'), []);
    await noZombie(harness, broker.connections);
  });

  test('abort after the stop, past the deadline, also ends immediately', async () => {
    const broker = scope.use(await startScriptedBroker());
    const harness = startMqttSource(scope, broker.url);
    const connection = await broker.connection(1);
    connection.publish({ packetId: 1, payload: 'm1' });
    await harness.received(1);
    harness.stop();
    harness.source.abort();
    await within(500, harness.source.disconnected);
    assert.is(harness.context.ledger.nacked, 1);
    assert.equal(connection.pubacks, []);
    await noZombie(harness, broker.connections);
  });

  for (const how of ['stop', 'abort'] as const) {
    test(`${how}: no zombie while no broker listens`, async () => {
      const harness = startMqttSource(scope, `mqtt://127.0.0.1:${await freePort()}`);
      await eventually(() => assert.ok(harness.events('mqtt.disconnected').length >= 2));
      harness[how]();
      await within(2_000, harness.source.disconnected);
      const attempts = harness.events('mqtt.disconnected').length;
      await noZombie(harness, []);
      assert.is(harness.events('mqtt.disconnected').length, attempts);
    });

    test(`${how}: no zombie against a server that never answers CONNECT`, async () => {
      const silent = await silentServer(scope);
      const harness = startMqttSource(scope, silent.url);
      await eventually(() => assert.is(silent.sockets.length, 1));
      harness[how]();
      await within(2_000, harness.source.disconnected);
      await noZombie(harness, silent.sockets);
    });

    test(`${how}: no zombie between two attempts, after a connack timeout`, async () => {
      const silent = await silentServer(scope);
      const harness = startMqttSource(scope, silent.url, {
        connectTimeoutMs: 100,
        reconnectMinMs: 30,
        reconnectMaxMs: 30,
      });
      await eventually(() => assert.ok(harness.events('mqtt.disconnected').length >= 2));
      harness[how]();
      await within(2_000, harness.source.disconnected);
      await noZombie(harness, silent.sockets);
    });

    test(`${how}: no zombie against a broker that accepts and then reads nothing`, async () => {
      const broker = scope.use(await startScriptedBroker({ deaf: true }));
      const scheduler = new ManualScheduler();
      const harness = startMqttSource(scope, broker.url, {}, { scheduler });
      await eventually(() => assert.ok(harness.client.connected));
      harness[how]();
      scheduler.advance(END_GRACE_MS);
      const ended = harness.source.disconnected.then(() => harness.client.connected);
      await within(2_000, ended);
      assert.not(await ended, 'connected still when it says that it is not');
      await noZombie(harness, broker.connections);
    });

    test(`${how}: no zombie against a broker that owes a SUBACK`, async () => {
      const broker = scope.use(await startScriptedBroker({ suback: () => undefined }));
      const scheduler = new ManualScheduler();
      const harness = startMqttSource(scope, broker.url, {}, { scheduler });
      const connection = await broker.connection(1);
      await eventually(() => assert.is(connection.of('subscribe').length, 1));
      harness[how]();
      scheduler.advance(END_GRACE_MS);
      await within(2_000, harness.source.disconnected);
      await noZombie(harness, broker.connections);
    });

    test(`${how}: at the moment the connection breaks`, async () => {
      const broker = scope.use(await startScriptedBroker());
      const harness = startMqttSource(scope, broker.url);
      const connection = await broker.connection(1);
      await ready(harness);
      connection.cut();
      await nextTurn();
      harness[how]();
      await within(2_000, harness.source.disconnected);
      await noZombie(harness, broker.connections);
    });
  }
});

async function within(timeMs: number, work: Promise<unknown>): Promise<void> {
  let done = false;
  work.then(() => {
    done = true;
  });
  await eventually(() => assert.ok(done, `done within ${timeMs} ms`), { deadlineMs: timeMs });
}

/** Watches an ended source for signs of life. The wait can only miss a zombie, never report one by mistake. */
async function noZombie(harness: MqttHarness, connections: readonly unknown[]): Promise<void> {
  const before = connections.length;
  const until = performance.now() + NO_ZOMBIE_MS;
  await eventually(() =>
    assert.ok(connections.length > before || harness.client.connected || performance.now() > until),
  );
  assert.is(connections.length, before, 'no further connection');
  assert.not(harness.client.connected);
}

/** Accepts connections, but reads and sends nothing. */
async function silentServer({ defer }: Scope): Promise<{ url: string; sockets: readonly Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  defer(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `mqtt://127.0.0.1:${port}`, sockets };
}
