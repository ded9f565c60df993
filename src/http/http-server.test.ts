import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Hono } from 'hono';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { serveHttp, urlOf } from './http-server.ts';

const PIPELINED = 150;
const ANSWERED = 100;
const MAX_CONNECTIONS = 1_000;

suite('HTTP server', ({ test }) => {
  test('has an address that this machine can reach', () => {
    assert.is(urlOf('0.0.0.0', 1), 'http://127.0.0.1:1');
    assert.is(urlOf('::', 1), 'http://127.0.0.1:1');
    assert.is(urlOf('::1', 1), 'http://[::1]:1');
    assert.is(urlOf('localhost', 1), 'http://localhost:1');
  });

  test('answers a hundred requests per connection, then closes it and refuses pipelined ones', async () => {
    const app = new Hono().get('/healthz', (context) => context.text('ok'));
    const server = await serveHttp(app, { host: '127.0.0.1', port: 0 });
    try {
      const socket = connect(server.port, '127.0.0.1');
      let answers = '';
      socket.setEncoding('latin1').on('data', (data) => {
        answers += data;
      });
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(PIPELINED));
      await eventually(() => assert.is(answers.split('HTTP/1.1 ').length - 1, PIPELINED));
      const [, ...all] = answers.split('HTTP/1.1 ');
      assert.ok(all.slice(0, ANSWERED).every((answer) => answer.startsWith('200 OK')));
      assert.ok(all.slice(ANSWERED).every((answer) => answer.startsWith('503 ')));
      assert.is(
        all.findIndex((answer) => /^connection: close/im.test(answer)),
        ANSWERED - 1,
      );
      socket.destroy();
    } finally {
      await server.close();
    }
  });

  test('a new connection replaces the one idle for longest, if all are idle', async () => {
    const app = new Hono().get('/healthz', (context) => context.text('ok'));
    const server = await serveHttp(app, { host: '127.0.0.1', port: 0 });
    const sockets: Socket[] = [];
    const ask = async (): Promise<string> => {
      const socket = connect(server.port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => {});
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      const [answer] = await Promise.race([once(socket, 'data'), once(socket, 'close')]);
      return String(answer);
    };
    try {
      for (let index = 0; index < MAX_CONNECTIONS; index += 1) assert.match(await ask(), /^HTTP\/1\.1 200/);
      assert.match(await ask(), /^HTTP\/1\.1 200/, 'the new one is answered');
      await eventually(() => assert.ok(sockets[0]?.destroyed, 'the first one is closed'));
      assert.not(sockets[MAX_CONNECTIONS]?.destroyed);
    } finally {
      for (const socket of sockets) socket.destroy();
      await server.close();
    }
  });
});
