import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { eventually } from '../testing/eventually.ts';
import { suite } from '../testing/suite.ts';
import { createPubSubClients } from './pubsub.ts';

suite('clients of Pub/Sub', ({ test, after }) => {
  const before = process.env.PUBSUB_EMULATOR_HOST;
  after(() => {
    if (before === undefined) delete process.env.PUBSUB_EMULATOR_HOST;
    else process.env.PUBSUB_EMULATOR_HOST = before;
  });

  test('a subscriber lets its server send a mebibyte ahead, on a stream and on the connection', async () => {
    const server = createServer();
    let session: ServerHttp2Session | undefined;
    server.on('session', (opened) => {
      session = opened;
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    process.env.PUBSUB_EMULATOR_HOST = `127.0.0.1:${port}`;
    const { subscriber, close } = await createPubSubClients({ projectId: 'p' });
    try {
      // Nobody answers: it is about the connection alone.
      const call = subscriber.getSubscription({ subscription: 'projects/p/subscriptions/s' }, { timeout: 10_000 });
      call.catch(() => {});
      await eventually(() => {
        assert.is(session?.remoteSettings.initialWindowSize, 1024 * 1024);
        assert.is(session?.state.remoteWindowSize, 1024 * 1024);
      });
    } finally {
      await close();
      session?.destroy();
      server.close();
    }
  });
});
