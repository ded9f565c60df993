import { readFileSync } from 'node:fs';
import { createSecureServer, createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { v1 } from '@google-cloud/pubsub';
import { Client, credentials } from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { listen } from '../../sandbox/listen.ts';
import { startPubSub } from '../../sandbox/pubsub/start-pubsub.ts';
import { hasOpenssl, makeCertificates } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { testScope } from '../../testing/scope.ts';
import { startSilentServer } from '../../testing/silent-server.ts';
import { suite } from '../../testing/suite.ts';
import { withTemporaryFolder } from '../../testing/temporary-folder.ts';
import { answerOf } from './bounded-call.ts';
import { channelOptions } from './grpc-client.ts';

const FIRST_BYTE_MS = 200;
const TOPIC = 'projects/sandbox/topics/topic';

suite('gRPC channels', (it) => {
  const { test, skip } = it;
  const scope = testScope(it);
  const clientOf = (port: number) =>
    scope.use(
      new v1.PublisherClient({
        projectId: 'sandbox',
        servicePath: '127.0.0.1',
        port,
        sslCreds: credentials.createInsecure(),
        ...channelOptions(FIRST_BYTE_MS),
      }),
    );

  test('close a connection that is accepted but never answered, and use the next one', async () => {
    const pubsub = scope.use(await startPubSub());
    const server = scope.use(await startSilentServer({ silentConnections: 1, target: pubsub.port }));
    const client = clientOf(server.port);
    const call = () => client.createTopic({ name: TOPIC }, { retry: null, timeout: 500 });
    await eventually(call, { deadlineMs: 10_000 });
    assert.is(server.accepted, 2);
    await eventually(() => assert.is(server.open, 1));
  });

  const title = 'break off a TLS handshake that is never answered, and leave what was answered alone';
  if (!hasOpenssl()) skip(title, 'openssl is not installed');
  else
    test(title, async () => {
      const { ca, cert, key } = await withTemporaryFolder((folder) => {
        const { caFile, server } = makeCertificates(folder);
        return { ca: readFileSync(caFile), cert: readFileSync(server.certFile), key: readFileSync(server.keyFile) };
      });
      const tls = createSecureServer({ cert, key });
      const sessions = new Set<ServerHttp2Session>();
      tls.on('session', (session) => sessions.add(session));
      const target = await listen(tls);
      scope.defer(() => {
        for (const session of sessions) session.destroy();
        tls.close();
      });
      const silent = scope.use(await startSilentServer({ silentConnections: 1, target }));
      const { 'grpc.channelFactoryOverride': channelFactoryOverride, ...options } = channelOptions(FIRST_BYTE_MS);
      const address = `127.0.0.1:${silent.port}`;
      const secure = credentials.createSsl(ca);
      const client = scope.use(new Client(address, secure, { ...options, channelFactoryOverride }));
      const connected = () =>
        new Promise<void>((resolve, reject) => {
          client.waitForReady(Date.now() + 5_000, (error) => (error ? reject(error) : resolve()));
        });
      await connected();
      const since = performance.now();
      await eventually(() => assert.ok(performance.now() - since > 2 * FIRST_BYTE_MS));
      await connected();
      assert.equal([silent.accepted, silent.open], [2, 1]);
    });

  test('cancel an abandoned bounded call', async () => {
    const open = new Set<ServerHttp2Stream>();
    const sessions = new Set<ServerHttp2Session>();
    const server = createServer();
    server.on('session', (session) => sessions.add(session));
    server.on('stream', (stream) => {
      open.add(stream);
      stream.on('error', () => {});
      stream.once('close', () => open.delete(stream));
    });
    const port = await listen(server);
    scope.defer(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    const call = () => clientOf(port).getTopic({ topic: TOPIC }, { retry: null, timeout: 60_000 });
    const answer = answerOf('GetTopic', call, 300);
    answer.catch(() => {});
    await eventually(() => assert.is(open.size, 1, 'the call has arrived'));
    assert.match(String(await answer.catch((thrown: unknown) => thrown)), 'no answer within 300 ms');
    await eventually(() => assert.is(open.size, 0, 'open calls'));
  });
});
