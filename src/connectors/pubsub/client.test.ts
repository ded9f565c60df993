import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { suite } from '../../testing/suite.ts';
import { withTemporaryFolder } from '../../testing/temporary-folder.ts';
import { createPubSubClients } from './client.ts';
import { createServiceClients } from './service-client.ts';

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

  const ADDRESSES = [
    ['a host and a port', 'PUBSUB_EMULATOR_HOST', (port: number) => `127.0.0.1:${port}`],
    ['a URL', 'CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB', (port: number) => `http://127.0.0.1:${port}/`],
  ] as const;
  const CLIENTS = { 'generated clients': createPubSubClients, 'clients of a service': createServiceClients };
  const CASES = Object.entries(CLIENTS).flatMap(([clients, create]) =>
    ADDRESSES.map((address) => [clients, create, ...address] as const),
  );
  const CALL = { retry: null, timeout: 10_000 };

  for (const [clients, create, what, name, address] of CASES) {
    test(`${clients} call without TLS what ${name} names: ${what}`, async () => {
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
      const { subscriber, close } = await create({ projectId: 'p' });
      try {
        subscriber.getSubscription({ subscription: 'projects/p/subscriptions/s' }, CALL).catch(() => {});
        await eventually(() => assert.ok(isCalled));
      } finally {
        await close();
        server.close();
        restore();
      }
    });
  }

  for (const [clients, create] of Object.entries(CLIENTS))
    test(`the subscriber of ${clients} lets the server send one MiB ahead, per stream and connection`, async () => {
      const server = createServer();
      let session: ServerHttp2Session | undefined;
      server.on('session', (opened) => {
        session = opened;
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      process.env.PUBSUB_EMULATOR_HOST = `127.0.0.1:${port}`;
      const { subscriber, close } = await create({ projectId: 'p' });
      try {
        // No server answers: only the connection matters here.
        const call = subscriber.getSubscription({ subscription: 'projects/p/subscriptions/s' }, CALL);
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

  test('a service with client certificates has generated clients, which find them', () =>
    withTemporaryFolder(async (folder) => {
      const { HOME } = process.env;
      Object.assign(process.env, { HOME: folder, GOOGLE_API_USE_CLIENT_CERTIFICATE: 'true' });
      process.env.PUBSUB_EMULATOR_HOST = '127.0.0.1:1';
      try {
        const thrown = await createServiceClients({ projectId: 'p' }).catch((error: unknown) => error);
        assert.match(String(thrown), `${folder}/.secureConnect/context_aware_metadata.json`);
      } finally {
        delete process.env.GOOGLE_API_USE_CLIENT_CERTIFICATE;
        if (HOME === undefined) delete process.env.HOME;
        else process.env.HOME = HOME;
      }
    }));
});
