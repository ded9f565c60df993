import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import { errorCode } from '../src/core/errors.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import type { Child } from '../src/testing/child.ts';
import { startCli } from '../src/testing/cli.ts';
import { eventually } from '../src/testing/eventually.ts';
import { newTopic } from '../src/testing/new-topic.ts';
import { pipelineFolder } from '../src/testing/pipeline-folder.ts';
import { suiteScope, testScope } from '../src/testing/scope.ts';
import { Scrape } from '../src/testing/scrape.ts';
import { ingestionYaml } from '../src/testing/secrets.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';

const DROPPED = 'dataflow_log_lines_dropped_total';

suite('the log of a service', ({ test, skip, before, after, afterEach }) => {
  const suiteEnd = suiteScope({ after });
  const scope = testScope({ afterEach });
  const folder = pipelineFolder(suiteEnd);
  let sandbox: Sandbox;
  let pubsub: PubSub;

  before(async () => {
    ({ sandbox } = await startServers(suiteEnd, { parts: ['pubsub', 'mqtt'] }));
    pubsub = suiteEnd.use(new PubSub({ projectId: sandbox.projectId }));
  });

  /** Runs an ingestion with this standard error, and waits until it is ready. */
  async function startWith(stderr: number): Promise<{ child: Child; scrape: () => Promise<Scrape> }> {
    const topic = await newTopic(pubsub, 'log');
    const port = await freePort();
    const pipeline = folder.pipeline(ingestionYaml([`url: ${sandbox.env.MQTT_URL}`, 'protocolVersion: 4'], topic));
    const child = await startCli(['run', pipeline], {
      env: { DATAFLOW_HTTP__PORT: String(port), DATAFLOW_LOG__LEVEL: 'info' },
      stderr,
    });
    scope.defer(() => child.end('SIGKILL'));
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_000) });
    await eventually(async () => assert.is((await get('/readyz')).status, 200));
    assert.is((await get('/healthz')).status, 200);
    return { child, scrape: async () => new Scrape(await (await get('/metrics')).text()) };
  }

  /** Both ends of a named pipe; `fill` writes until it is full. */
  function openPipe(name: string) {
    const path = join(folder.path, name);
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    scope.defer(() => closeSync(writer));
    return { path, reader, writer };
  }

  test('a reader that pauses: the service works, ends in time, and the lines arrive when reading resumes', async () => {
    const { path, reader, writer } = openPipe('stalled');
    scope.defer(() => closeSync(reader));
    const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    untilAgain(() => writeSync(filler, Buffer.alloc(4_096, '\n')));
    closeSync(filler);

    const { child, scrape } = await startWith(writer);
    assert.is((await scrape()).value(DROPPED), 0, 'what waits is not dropped');
    let text = '';
    const readOn = () =>
      untilAgain(() => {
        const buffer = Buffer.alloc(65_536);
        const length = readSync(reader, buffer);
        text += buffer.toString('utf8', 0, length);
        return length;
      });
    await eventually(() => {
      readOn();
      assert.match(text, '"event":"service.ready"');
    });
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event);
    assert.is(events[0], 'service.starting');
    assert.is(await child.end('SIGTERM'), 0);
    readOn();
    assert.match(text, '"event":"service.stopped"');
  });

  test('a reader that never resumes does not keep the process alive', async () => {
    const { path, reader, writer } = openPipe('silent');
    scope.defer(() => closeSync(reader));
    const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    untilAgain(() => writeSync(filler, Buffer.alloc(4_096, '\n')));
    closeSync(filler);
    const { child } = await startWith(writer);
    const started = performance.now();
    assert.is(await child.end('SIGTERM'), 0);
    assert.ok(performance.now() - started < 5_000, `ended after ${performance.now() - started} ms`);
  });

  test('a closed reader: lines are dropped and counted', async () => {
    const { reader, writer } = openPipe('closed');
    closeSync(reader);
    const { child, scrape } = await startWith(writer);
    assert.ok((await scrape()).value(DROPPED) >= 3);
    assert.is(await child.end('SIGTERM'), 0);
  });

  if (process.platform !== 'linux') skip('a full disk', 'needs /dev/full');
  else {
    test('a full disk: lines are dropped and counted', async () => {
      const full = openSync('/dev/full', 'w');
      scope.defer(() => closeSync(full));
      const { child, scrape } = await startWith(full);
      assert.ok((await scrape()).value(DROPPED) >= 3);
      assert.is(await child.end('SIGTERM'), 0);
    });
  }
});

/** Repeats a call on a non-blocking descriptor until it would block, or until its end. */
function untilAgain(call: () => number): void {
  try {
    while (call() > 0);
  } catch (thrown) {
    if (errorCode(thrown) !== 'EAGAIN') throw thrown;
  }
}
