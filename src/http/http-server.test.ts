import { connect } from 'node:net';
import { Hono } from 'hono';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { serveHttp } from './http-server.ts';

const PIPELINED = 150;
const ANSWERED = 100;

suite('HTTP server', ({ test }) => {
  test('answers a hundred requests of one connection, says that it ends, and refuses those sent behind them', async () => {
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
});
