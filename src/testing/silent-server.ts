import { connect, createServer, type Socket } from 'node:net';
import { listen } from '../sandbox/listen.ts';

/** A server on 127.0.0.1 that accepts connections, reads everything, and never responds. */
export interface SilentServer {
  readonly port: number;
  /** Accepted connections. */
  readonly accepted: number;
  /** Accepted connections that the client has not closed. */
  readonly open: number;
  /** The most concurrently open connections. */
  readonly peak: number;
  close(): Promise<void>;
}

export interface SilentServerOptions {
  /** Connections after this number are forwarded to `target`. Default: none. */
  readonly silentConnections?: number;
  /** Port of a server on 127.0.0.1 that responds. */
  readonly target?: number;
}

export async function startSilentServer({
  silentConnections = Number.POSITIVE_INFINITY,
  target = 0,
}: SilentServerOptions = {}): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let peak = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    peak = Math.max(peak, sockets.size);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    if (accepted <= silentConnections) {
      socket.resume();
      return;
    }
    const upstream = connect(target, '127.0.0.1');
    upstream.on('error', () => socket.destroy());
    upstream.once('close', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  const port = await listen(server);
  return {
    port,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    get peak() {
      return peak;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
