import { createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { freePort } from '../sandbox/free-port.ts';
import { listen } from '../sandbox/listen.ts';
import { testScope } from '../testing/scope.ts';
import { suite } from '../testing/suite.ts';
import { assertListening } from './assert-listening.ts';

const NAMES = ['FIRST_SERVER', 'SECOND_SERVER'];

suite('servers that the environment names', (it) => {
  const { test } = it;
  const scope = testScope(it);
  const problem = (first: string, second: string): Promise<string | undefined> => {
    Object.assign(process.env, { FIRST_SERVER: first, SECOND_SERVER: second });
    scope.defer(() => {
      for (const name of NAMES) delete process.env[name];
    });
    return assertListening(NAMES).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    );
  };

  test('are there, as host and port or as a URL', async () => {
    const server = createServer();
    scope.defer(() => server.close());
    const port = await listen(server, 0);
    assert.is(await problem(`127.0.0.1:${port}`, `mqtt://127.0.0.1:${port}`), undefined);
    assert.is(await problem(`http://localhost:${port}/path`, ''), undefined);
  });

  test('are named where they are missing, without their passwords', async () => {
    const port = await freePort();
    const said = await problem(`mqtt://me:secret@127.0.0.1:${port}`, `127.0.0.1:${port}`);
    assert.is(
      said,
      `nothing listens at 127.0.0.1:${port} (FIRST_SERVER), 127.0.0.1:${port} (SECOND_SERVER): start that server again, or "unset FIRST_SERVER SECOND_SERVER" if it has ended`,
    );
    assert.match(
      (await problem('://secret', '')) ?? '',
      /^FIRST_SERVER: expected an address such as 127\.0\.0\.1:9100/,
    );
    assert.not.match((await problem('http://secret:99999', '')) ?? '', /secret/);
  });
});
