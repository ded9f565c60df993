import type { MqttAckHandle } from './ack-handle.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

/**
 * Which QoS 1 messages still owe the broker a PUBACK, and in which order.
 *
 * A message is remembered until its PUBACK was written to the connection it came over. A reconnect with the session
 * present brings the unacknowledged ones again, under the same packet id: they are attached to the work that is
 * already running. Acknowledged ones are forgotten at once, since the broker may use their packet ids anew.
 */
export class PubackQueue {
  readonly #strict: boolean;
  readonly #unacknowledged = new PacketTable();
  /** Of this connection, in order of receipt (strict) or of completion. */
  #order: MqttAckHandle[] = [];
  #head = 0;
  /** Packet ids of earlier connections that have not come again. */
  #resentSince = 0;

  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** Messages that owe a PUBACK. */
  get size(): number {
    return this.#unacknowledged.size;
  }

  /** Messages that are done, and wait only for an older one, as strict order demands. */
  get waiting(): number {
    if (!this.#strict) return 0;
    let waiting = 0;
    for (let index = this.#head; index < this.#order.length; index += 1) if (this.#order[index]?.done) waiting += 1;
    return waiting;
  }

  /**
   * Attaches a redelivered message to the work that is running for it; false if the message is new.
   *
   * Some brokers send a message again over the same connection, with DUP set, when its PUBACK takes long. Without DUP
   * the same packet id over the same connection is another message.
   */
  reattach(packet: ReceivedPublish, connection: number): boolean {
    const known = this.#unacknowledged.get(packet.packetId);
    if (known === undefined || !known.isFor(packet)) return false;
    if (known.connection === connection) return packet.dup;
    known.connection = connection;
    if (this.#strict || known.done) this.#order.push(known);
    return true;
  }

  received(ackHandle: MqttAckHandle): void {
    this.#unacknowledged.set(ackHandle);
    if (this.#strict) this.#order.push(ackHandle);
  }

  /** The message is safe. Its PUBACK is due, if its connection still stands. */
  completed(ackHandle: MqttAckHandle, connection: number): void {
    ackHandle.done = true;
    if (ackHandle.connection < this.#resentSince) this.#unacknowledged.delete(ackHandle);
    if (!this.#strict && ackHandle.connection === connection) this.#order.push(ackHandle);
  }

  /** The message stays unacknowledged: the broker delivers it again when the session is resumed. */
  forget(ackHandle: MqttAckHandle): void {
    this.#unacknowledged.delete(ackHandle);
    ackHandle.done = true;
  }

  /**
   * Forgets what was received before this connection: the broker has had the time to send it again, and has not (it had
   * expired, or came under another packet id). What is not done is forgotten once it is.
   */
  forgetBefore(connection: number): void {
    this.#resentSince = connection;
    for (const ackHandle of this.#unacknowledged.all()) {
      if (ackHandle.done && ackHandle.connection !== connection) this.#unacknowledged.delete(ackHandle);
    }
  }

  /** PUBACKs that may be written now, as bytes; they count as written. A valid PUBACK in MQTT 3.1.1 and 5. */
  take(): Buffer | undefined {
    const first = this.#head;
    while (this.#head < this.#order.length && this.#order[this.#head]?.done) this.#head += 1;
    if (this.#head === first) return undefined;
    const bytes = Buffer.allocUnsafe((this.#head - first) * 4);
    let length = 0;
    for (let index = first; index < this.#head; index += 1) {
      const ackHandle = this.#order[index];
      // An ack handle that is not the one of its packet id any more must not acknowledge its successor.
      if (ackHandle === undefined || !this.#unacknowledged.delete(ackHandle)) continue;
      bytes[length] = 0x40;
      bytes[length + 1] = 0x02;
      bytes[length + 2] = ackHandle.packetId >> 8;
      bytes[length + 3] = ackHandle.packetId & 0xff;
      length += 4;
    }
    if (this.#head > 1024 || this.#head === this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    return length === 0 ? undefined : bytes.subarray(0, length);
  }

  /** The connection is gone; what owes a PUBACK waits to be delivered again. */
  disconnected(): void {
    this.#order = [];
    this.#head = 0;
  }

  /** The session of earlier connections is gone: what is owed there can never be acknowledged. Returns it. */
  sessionLost(connection: number): MqttAckHandle[] {
    const lost = this.#unacknowledged.all().filter((ackHandle) => ackHandle.connection !== connection);
    for (const ackHandle of lost) this.#unacknowledged.delete(ackHandle);
    return lost;
  }
}

/** MQTT's packet ids are 16 bits. */
const PACKET_IDS = 65_536;

/** The ack handle of each packet id. A Map of thousands that come and go costs more than it looks: see `LinkedList`. */
class PacketTable {
  readonly #ackHandles = new Array<MqttAckHandle | undefined>(PACKET_IDS).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(packetId: number): MqttAckHandle | undefined {
    return this.#ackHandles[packetId];
  }

  /** In the place of whatever had its packet id before. */
  set(ackHandle: MqttAckHandle): void {
    if (this.#ackHandles[ackHandle.packetId] === undefined) this.#size += 1;
    this.#ackHandles[ackHandle.packetId] = ackHandle;
  }

  /** False if its packet id is another's by now, or nobody's. */
  delete(ackHandle: MqttAckHandle): boolean {
    if (this.#ackHandles[ackHandle.packetId] !== ackHandle) return false;
    this.#ackHandles[ackHandle.packetId] = undefined;
    this.#size -= 1;
    return true;
  }

  all(): MqttAckHandle[] {
    return this.#ackHandles.filter((ackHandle) => ackHandle !== undefined);
  }
}
