import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { suite } from '../../testing/suite.ts';
import { createPubSubClients } from './client.ts';

suite('clients of Pub/Sub', ({ test, after }) => {
  const NAMES = ['PUBSUB_EMULATOR_HOST', 'CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB'] as const;
  const before = NAMES.map((name) => [name, process.env[name]] as const);
  const restore = () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  after(restore);

  for (const [what, name, address] of [
    ['a host and a port', 'PUBSUB_EMULATOR_HOST', (port: number) => `127.0.0.1:${port}`],
    ['a URL', 'CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB', (port: number) => `http://127.0.0.1:${port}/`],
  ] as const) {
    test(`call without TLS what ${name} names: ${what}`, async () => {
      const server = createServer();
      let isCalled = false;
      server.on('session', (session) => {
        isCalled = true;
        session.destroy();
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      for (const other of NAMES) delete process.env[other];
      process.env[name] = address(port);
      const { subscriber, close } = await createPubSubClients({ projectId: 'p' });
      try {
        subscriber.getSubscription({ subscription: 'projects/p/subscriptions/s' }, { timeout: 10_000 }).catch(() => {});
        await eventually(() => assert.ok(isCalled));
      } finally {
        await close();
        server.close();
        restore();
      }
    });
  }

  test('a subscriber lets the server send one MiB ahead, per stream and connection', async () => {
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
      // No server answers: only the connection matters here.
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
