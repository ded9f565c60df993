import { connect } from 'node:net';
import * as assert from 'uvu/assert';
import type { Child } from '../testing/child.ts';
import { startCli } from '../testing/cli.ts';
import { eventually } from '../testing/eventually.ts';
import { testScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';

/** Returns whether something listens on a port of 127.0.0.1. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function redisPortOf({ stdout }: Child): number | undefined {
  const [, port] = /REDIS_URL=redis:\/\/127\.0\.0\.1:(\d+)/.exec(stdout) ?? [];
  return port === undefined ? undefined : Number(port);
}

suite('the command sandbox', (it) => {
  const { test, long } = it;
  const scope = testScope(it);

  for (const [signal, register] of [
    ['SIGTERM', long],
    ['SIGINT', long],
    ['SIGHUP', test],
    ['SIGKILL', test],
  ] as const) {
    register(`leaves no redis-server behind after ${signal}`, async () => {
      const sandbox = await startCli(['sandbox'], { readyWhen: /sandbox ready/ });
      scope.defer(() => sandbox.end('SIGKILL'));
      const port = redisPortOf(sandbox);
      if (port !== undefined) assert.ok(await isOpen(port));
      const code = await sandbox.end(signal);
      assert.is(code, signal === 'SIGKILL' ? null : 0, sandbox.output);
      if (port !== undefined) await eventually(async () => assert.not.ok(await isOpen(port)), { deadlineMs: 5_000 });
    });
  }
});
