import { once } from 'node:events';
import { connect } from 'node:http2';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { FLOW_CONTROL_WINDOW } from './flow-control.ts';
import { serveGrpc } from './grpc-server.ts';

suite('flow control', ({ test }) => {
  test('a client may send a mebibyte on a stream, and on its connection, before the server has read it', async () => {
    const server = await serveGrpc(() => {});
    const session = connect(`http://127.0.0.1:${server.port}`);
    try {
      await once(session, 'connect');
      await eventually(() => {
        assert.is(session.remoteSettings.initialWindowSize, FLOW_CONTROL_WINDOW);
        assert.is(session.state.remoteWindowSize, FLOW_CONTROL_WINDOW);
      });
    } finally {
      session.destroy();
      await server.close();
    }
  });
});
