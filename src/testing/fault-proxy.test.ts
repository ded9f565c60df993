import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { eventually } from './eventually.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { suite } from './suite.ts';

const BIG = 64 * 1024 * 1024;

/** Reads a socket to its end. */
const textOf = async (socket: Socket): Promise<string> => {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'end');
  return text;
};

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

suite('fault proxy', ({ test, beforeEach, afterEach }) => {
  let proxy: FaultProxy;
  let peers: Socket[] = [];
  let port = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    peers.push(socket);
    socket.on('error', () => {});
  });
  const open = async (through = proxy): Promise<{ client: Socket; peer: Socket }> => {
    const before = peers.length;
    const client = connect({ port: through.port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => {});
    await once(client, 'connect');
    const peer = await eventually(() => {
      const found = peers[before];
      if (found === undefined) throw new Error('not connected yet');
      return found;
    });
    return { client, peer };
  };

  beforeEach(async () => {
    peers = [];
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    port = address.port;
    proxy = await startFaultProxy({ port });
  });
  afterEach(async () => {
    await proxy.close();
    for (const peer of peers) peer.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  test('passes bytes and half-closes in both directions', async () => {
    const { client, peer } = await open();
    client.end('question');
    assert.is(await textOf(peer), 'question');
    peer.end('answer');
    assert.is(await textOf(client), 'answer');
    await eventually(() => assert.is(proxy.connections, 0));
  });

  test('cut resets open connections, and accepts new ones', async () => {
    const { client, peer } = await open();
    const ends = Promise.all([closed(client), closed(peer)]);
    proxy.cut();
    await ends;
    assert.is(proxy.connections, 0);
    await open();
  });

  test('a reset client resets the server, or ends it after its last bytes', async () => {
    for (const deliversLastBytes of [false, true]) {
      const through = await startFaultProxy({ port }, { deliversLastBytes });
      const { client, peer } = await open(through);
      let text = '';
      peer.on('data', (chunk) => {
        text += chunk;
      });
      // More than the buffers between the two hold: the client has unread bytes when it closes.
      peer.write(Buffer.alloc(BIG));
      client.write('last words');
      await once(client, 'readable');
      const reset = once(peer, 'error').then(() => 'reset');
      const ended = once(peer, 'end').then(() => 'ended');
      client.resetAndDestroy();
      assert.is(await Promise.race([reset, ended]), deliversLastBytes ? 'ended' : 'reset');
      if (deliversLastBytes) assert.is(text, 'last words');
      peer.destroy();
      await eventually(() => assert.is(through.connections, 0));
      await through.close();
    }
  });

  test('refuse closes the port until it is restored', async () => {
    const { client } = await open();
    const end = closed(client);
    await proxy.refuse();
    await end;
    const [error] = await once(connect(proxy.port, '127.0.0.1'), 'error');
    assert.is(error.code, 'ECONNREFUSED');
    await proxy.restore();
    await open();
  });

  test('stall holds bytes, and loses none', async () => {
    const { client, peer } = await open();
    let received = '';
    peer.on('data', (chunk) => {
      received += chunk;
    });
    proxy.stall();
    client.write('held');
    const late = await open().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.is(received, '');
    assert.ok(late !== undefined, 'connections are accepted');
    await proxy.restore();
    await eventually(() => assert.is(received, 'held'));
  });

  test('throttle slows down', async () => {
    const { client, peer } = await open();
    proxy.throttle(100_000);
    const started = performance.now();
    let received = 0;
    peer.on('data', (chunk) => {
      received += chunk.length;
    });
    client.write(Buffer.alloc(30_000));
    await eventually(() => assert.is(received, 30_000));
    assert.ok(performance.now() - started > 250, 'at 100 KB/s');
  });

  test('a reader that does not read holds the writer back', async () => {
    const { client, peer } = await open();
    peer.pause();
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const write = () => {
      while (written < BIG && client.write(chunk)) written += chunk.byteLength;
    };
    client.on('drain', write);
    write();
    let last = -1;
    await eventually(
      () => {
        const before = last;
        last = written;
        assert.is(written, before, 'the writer continues');
      },
      { everyMs: 300 },
    );
    assert.ok(written < BIG / 2, `${written} bytes are in buffers`);
    client.destroy();
  });
});
