import { createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { IConnackPacket, IConnectPacket, IPublishPacket, ISubscribePacket, Packet, QoS } from 'mqtt-packet';
import { generate, parser } from 'mqtt-packet';
import { eventually } from './eventually.ts';

/** Scripted responses of a broker. A handler that returns undefined sends none. */
export interface BrokerScript {
  /** The response to CONNECT; default: accepted, with the session present from the second connection on. */
  readonly connack?: (connection: BrokerConnection) => (Partial<IConnackPacket> & { code?: number }) | undefined;
  /** The codes of the SUBACK; default: granted as requested. */
  readonly suback?: (subscribe: ISubscribePacket, connection: BrokerConnection) => readonly number[] | undefined;
  /** Sends no responses after the CONNACK, and reads nothing. */
  readonly deaf?: boolean;
}

/** A PUBLISH of the test. */
export interface ScriptedPublish {
  /** 0 for QoS 0. */
  readonly packetId: number;
  readonly payload: string | Buffer;
  readonly topic?: string;
  readonly dup?: boolean;
}

/** A client's packet, by its command. */
type PacketOf<C extends Packet['cmd']> = Extract<Packet, { cmd: C }>;

/** One connection to the scripted broker, with all received packets. */
export class BrokerConnection {
  /** 1 for the broker's first connection. */
  readonly number: number;
  readonly received: Packet[] = [];
  readonly connectedAt = performance.now();
  closed = false;
  readonly #socket: Socket;
  readonly #settings: { protocolVersion: number } = { protocolVersion: 4 };
  #silence: NodeJS.Timeout | undefined;
  #silenceMs = 0;

  constructor(number: number, socket: Socket, script: BrokerScript) {
    this.number = number;
    this.#socket = socket;
    const parse = parser(this.#settings);
    parse.on('packet', (packet) => {
      this.received.push(packet);
      this.#heard();
      this.#answer(packet, script);
    });
    parse.on('error', (error) => socket.destroy(error));
    socket.on('data', (bytes) => parse.parse(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      clearTimeout(this.#silence);
    });
  }

  of<C extends Packet['cmd']>(cmd: C): PacketOf<C>[] {
    return this.received.filter((packet): packet is PacketOf<C> => packet.cmd === cmd);
  }

  /** Packet ids of the PUBACKs, in order. */
  get pubacks(): number[] {
    return this.of('puback').map(({ messageId }) => messageId ?? 0);
  }

  get connect(): IConnectPacket {
    const [connect] = this.of('connect');
    if (connect === undefined) throw new Error(`connection ${this.number} has sent no CONNECT`);
    return connect;
  }

  send(...packets: readonly (Packet | Buffer)[]): void {
    if (this.#socket.destroyed) return;
    const bytes = packets.map((each) => (Buffer.isBuffer(each) ? each : generate(each, this.#settings)));
    // In one piece, so that the client has all of them before it handles the first.
    this.#socket.write(Buffer.concat(bytes));
  }

  publish({ packetId, payload, topic = 'devices/d1', dup = false }: ScriptedPublish): void {
    const qos: QoS = packetId === 0 ? 0 : 1;
    const packet: IPublishPacket = { cmd: 'publish', topic, payload, qos, dup, retain: false };
    this.send(packetId === 0 ? packet : { ...packet, messageId: packetId });
  }

  /** Accepts the connection if the script sent no response. */
  accept({ code = 0, ...more }: Partial<IConnackPacket> & { code?: number } = {}): void {
    const sessionPresent = code === 0 && this.number > 1;
    this.send({ cmd: 'connack', sessionPresent, returnCode: code, reasonCode: code, ...more });
  }

  /** Reads nothing more until `resume`, like a broker that is busy. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Breaks the connection, like a dying broker. */
  cut(): void {
    this.#socket.destroy();
  }

  #answer(packet: Packet, script: BrokerScript): void {
    if (packet.cmd === 'connect') {
      this.#settings.protocolVersion = packet.protocolVersion ?? 4;
      const answer = script.connack === undefined ? {} : script.connack(this);
      this.#silenceMs = (answer?.properties?.serverKeepAlive ?? packet.keepalive ?? 0) * 1_500;
      this.#heard();
      if (answer !== undefined) this.accept(answer);
      if (script.deaf) this.#socket.pause();
    } else if (packet.cmd === 'subscribe') {
      const asked = packet.subscriptions.map(({ qos }) => qos);
      const granted = script.suback === undefined ? asked : script.suback(packet, this);
      if (granted !== undefined) this.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [...granted] });
    } else if (packet.cmd === 'unsubscribe') {
      const granted = packet.unsubscriptions.map(() => 0);
      this.send({ cmd: 'unsuback', messageId: packet.messageId ?? 0, granted });
    } else if (packet.cmd === 'pingreq') this.send({ cmd: 'pingresp' });
    else if (packet.cmd === 'disconnect') this.#socket.end();
  }

  /** Cuts off a client that is silent for one and a half keepalive periods, as MQTT requires. */
  #heard(): void {
    clearTimeout(this.#silence);
    if (this.#silenceMs === 0 || this.closed) return;
    const silence = setTimeout(async () => {
      // After a stall of the process, the timer fires before data that the client sent in the meantime.
      await setImmediate();
      await setImmediate();
      if (this.#silence === silence) this.cut();
    }, this.#silenceMs);
    this.#silence = silence;
  }
}

/** A broker controlled by a test, over real sockets, in MQTT 3.1.1 and 5. */
export interface ScriptedBroker {
  readonly url: string;
  readonly connections: readonly BrokerConnection[];
  /** The nth connection (from 1), once its CONNECT has arrived. */
  connection(number: number): Promise<BrokerConnection>;
  close(): Promise<void>;
}

export async function startScriptedBroker(script: BrokerScript = {}): Promise<ScriptedBroker> {
  const connections: BrokerConnection[] = [];
  const server = createServer((socket) => {
    connections.push(new BrokerConnection(connections.length + 1, socket, script));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`unexpected address ${address}`);
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    connections,
    connection: (number) =>
      eventually(() => {
        const found = connections[number - 1];
        if (found === undefined || found.received.length === 0) throw new Error(`there is no connection ${number}`);
        return found;
      }),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.cut();
      await closed;
    },
  };
}
