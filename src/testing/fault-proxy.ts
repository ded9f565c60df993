import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { freePort } from '../sandbox/free-port.ts';

/** A TCP proxy in front of a server on 127.0.0.1, which lets a test break the connections through it. */
export interface FaultProxy {
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /** Resets every open connection; new ones are accepted as before. */
  cut(): void;
  /** Resets every open connection, and closes the port (ECONNREFUSED), until `restore`. */
  refuse(): Promise<void>;
  /** Accepts connections and passes no bytes in either direction, until `restore`. */
  stall(): void;
  /** Bytes per second, in each direction of each connection. */
  throttle(bytesPerSecond: number): void;
  /** Listens on the same port again, and passes everything. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  /**
   * True if a reset client connection, such as that of a killed process, reaches the server as an end after all written
   * bytes, and the server's bytes for it are read. Default: the server's connection is reset too.
   */
  readonly deliversLastBytes?: boolean;
}

/** Bytes that a throttled direction passes at once. */
const SLICE_MS = 20;

/** State of all connections: whether bytes pass, and how fast. */
interface Valve {
  bytesPerSecond: number;
  /** Resolves when bytes may pass. */
  open: Promise<void>;
}

/** One direction of a connection. The streams' high-water marks bound its buffer: backpressure passes through. */
class Gate extends Transform {
  readonly #valve: Valve;

  constructor(valve: Valve) {
    super();
    this.#valve = valve;
  }

  override async _transform(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): Promise<void> {
    for (let sent = 0; sent < chunk.byteLength; ) {
      await this.#valve.open;
      const { bytesPerSecond } = this.#valve;
      if (bytesPerSecond === Number.POSITIVE_INFINITY) {
        this.push(chunk.subarray(sent));
        break;
      }
      const slice = Math.max(1, Math.floor((bytesPerSecond * SLICE_MS) / 1_000));
      this.push(chunk.subarray(sent, sent + slice));
      sent += slice;
      await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
    }
    done();
  }
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startFaultProxy(
  target: { readonly port: number },
  { deliversLastBytes = false }: FaultProxyOptions = {},
): Promise<FaultProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const valve: Valve = { bytesPerSecond: Number.POSITIVE_INFINITY, open: Promise.resolve() };
  let openValve: () => void = () => {};
  let server: Server | undefined;

  const accept = (client: Socket): void => {
    const upstream = connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    let open = 2;
    // Not `pipeline`: it destroys a socket whose one direction has ended.
    for (const [from, to] of [pair, [upstream, client] as const]) {
      const gate = new Gate(valve);
      from.pipe(gate).pipe(to);
      const lost = (): void => {
        if (from === client && deliversLastBytes) {
          gate.end();
          upstream.unpipe().resume();
        } else to.destroy();
      };
      from.on('error', lost);
      from.once('close', () => {
        if (!from.readableEnded) lost();
        open -= 1;
        if (open === 0) pairs.delete(pair);
      });
    }
  };
  // Not a port for outgoing connections: it must stay free while connections are refused.
  const port = await freePort();
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const listening = createServer({ allowHalfOpen: true, noDelay: true }, accept);
      listening.once('error', reject);
      listening.listen(port, '127.0.0.1', () => {
        server = listening;
        resolve();
      });
    });
  const cut = (): void => {
    for (const socket of [...pairs].flat()) {
      // A socket refuses the reset while its end is being sent: its handle would stay, and the process would not end.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
    pairs.clear();
  };
  const shut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
    cut();
    await closed;
  };
  await listen();
  return {
    port,
    get connections() {
      return pairs.size;
    },
    cut,
    refuse: shut,
    stall: () => {
      openValve();
      valve.open = new Promise((resolve) => {
        openValve = resolve;
      });
    },
    throttle: (bytesPerSecond) => {
      valve.bytesPerSecond = bytesPerSecond;
    },
    restore: async () => {
      valve.bytesPerSecond = Number.POSITIVE_INFINITY;
      openValve();
      valve.open = Promise.resolve();
      if (server === undefined) await listen();
    },
    close: async () => {
      openValve();
      await shut();
    },
  };
}
