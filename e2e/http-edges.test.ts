import { connect, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import { eventually } from '../src/testing/eventually.ts';
import { openServiceRig } from '../src/testing/service-rig.ts';
import { suite } from '../src/testing/suite.ts';

const MESSAGES = 6_000;
const RATE = 1_000;
/** Far more than the server takes at one time. */
const SLOW_CLIENTS = 1_500;
const PROBE_WITHIN_MS = 2_000;
const MAX_RSS_MB = 450;

/** Attacks one HTTP port until it is stopped. */
function attack(port: number) {
  const open = new Set<Socket>();
  let stopped = false;
  const answers: string[] = [];
  const dial = (begin: (socket: Socket) => void): void => {
    if (stopped) return;
    const socket = connect(port, '127.0.0.1', () => begin(socket));
    open.add(socket);
    socket.on('data', (data) => answers.push(...(data.toString('latin1').match(/^HTTP\/1\.1 \d{3}/gm) ?? [])));
    socket.on('error', () => {});
    socket.once('close', () => {
      open.delete(socket);
      setTimeout(() => dial(begin), 1_000);
    });
  };
  const slowLoris = (socket: Socket) => {
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => socket.write('X'), 500);
    socket.once('close', () => clearInterval(drip));
  };
  const endlessBody = (socket: Socket) => {
    socket.write('POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const feed = setInterval(() => socket.write(`1000\r\n${'x'.repeat(0x1000)}\r\n`), 20);
    socket.once('close', () => clearInterval(feed));
  };
  for (let index = 0; index < SLOW_CLIENTS; index += 1) setTimeout(() => dial(slowLoris), index);
  for (let index = 0; index < 5; index += 1) {
    dial((socket) => socket.write(Buffer.from(Array.from({ length: 2_000 }, (_, byte) => (byte * 7) % 256))));
    dial((socket) => socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`));
    dial((socket) => socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000)));
    dial(endlessBody);
    // Accepted, and never heard of again.
    dial(() => {});
  }
  return {
    answers,
    stop: () => {
      stopped = true;
      for (const socket of open) socket.destroy();
    },
  };
}

suite('the HTTP port under attack', ({ test, before, after }) => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ parts: ['pubsub', 'firestore', 'redis'] });
    sandbox.applyEnv();
  });
  after(() => sandbox.close());

  test('the pipeline does not notice, and probes are answered', async () => {
    const rig = await openServiceRig('enrich', { sandbox });
    const service = await rig.start();
    const attacker = attack(Number(new URL(service.url).port));
    try {
      const load = rig.load({ ratePerSecond: RATE, count: MESSAGES });
      let isDone = false;
      const done = load.done.then((published) => {
        isDone = true;
        return published;
      });
      let slowestMs = 0;
      let probes = 0;
      while (!isDone) {
        const started = performance.now();
        // As a kubelet asks: over a connection of its own.
        const { status } = await fetch(`${service.url}/readyz`, { headers: { connection: 'close' } }).catch((error) => {
          throw new Error(`a probe failed: ${error.cause}`);
        });
        assert.is(status, 200);
        const metrics = await service.scrape();
        metrics.assertLedger();
        assert.ok(metrics.value('process_resident_memory_bytes') / 1e6 < MAX_RSS_MB);
        slowestMs = Math.max(slowestMs, performance.now() - started);
        probes += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.is(await done, MESSAGES);
      await eventually(async () => assert.is((await rig.sink()).distinctIds, MESSAGES));
      const kinds = Map.groupBy(attacker.answers, (answer) => answer);
      console.log(
        `  ${probes} probes, the slowest took ${slowestMs.toFixed(0)} ms; answers to the attack: ${Array.from(kinds, ([answer, all]) => `${all.length} × ${answer}`).join(', ')}`,
      );
      assert.ok(slowestMs < PROBE_WITHIN_MS, `a probe took ${slowestMs} ms`);
      assert.ok(kinds.has('HTTP/1.1 431'));
      assert.ok(kinds.has('HTTP/1.1 400'));
      attacker.stop();
      const metrics = await service.scrape();
      metrics.assertLedger();
      assert.equal(await rig.sink(), { entries: MESSAGES, distinctIds: MESSAGES });
      assert.is(await service.end(), 0);
      assert.not.match(service.output, /"level":(50|60)/, 'no error is logged');
    } finally {
      attacker.stop();
      service.kill('SIGKILL');
      await rig.close();
    }
  });
});
