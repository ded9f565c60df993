import { AckHandle, type DeliveryContext } from '../../core/delivery.ts';
import type { Attributes } from '../../core/message.ts';
import type { Linked } from '../../util/linked-list.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

/** Size of a PUBACK without reason code and properties. */
export const PUBACK_BYTES = 4;

/** Callbacks from an ack handle to its source. */
export interface MqttSettlements {
  completed(ackHandle: MqttAckHandle): void;
  givenBack(ackHandle: MqttAckHandle): void;
}

/** The right to settle one MQTT message. QoS 0 messages have packet id 0 and need no PUBACK. */
export class MqttAckHandle extends AckHandle implements Linked<MqttAckHandle> {
  readonly packetId: number;
  readonly topic: string;
  /** Number of the latest connection that delivered the message. */
  connection: number;
  /** True once settled: the PUBACK may be written if the message still owes one. */
  done = false;
  older: MqttAckHandle | undefined = undefined;
  newer: MqttAckHandle | undefined = undefined;
  isLinked = false;
  readonly #settlements: MqttSettlements;

  constructor(
    context: DeliveryContext,
    packet: Omit<ReceivedPublish, 'dup'>,
    attributes: Attributes,
    connection: number,
    settlements: MqttSettlements,
  ) {
    const { payload, whole, byteLength } = packet;
    super(context, { data: payload, attributes, orderingKey: '', whole }, byteLength);
    this.packetId = packet.packetId;
    this.topic = packet.topic;
    this.connection = connection;
    this.#settlements = settlements;
  }

  /** Returns whether a redelivered packet is this message: a broker that lost its session may reuse the packet id. */
  isFor({ topic, payload, whole }: Pick<ReceivedPublish, 'topic' | 'payload' | 'whole'>): boolean {
    const { data, whole: mine } = this.original;
    return this.topic === topic && whole?.sha256 === mine?.sha256 && payload.equals(data);
  }

  protected override acknowledge(): void {
    this.#settlements.completed(this);
  }

  protected override giveBack(): void {
    this.#settlements.givenBack(this);
  }
}

/**
 * Tracks the QoS 1 messages that still owe the broker a PUBACK, and their order.
 *
 * A message stays here until its PUBACK is written to the connection that delivered it. When a session resumes, the
 * broker resends unacknowledged messages under the same packet ids, and they attach to the work already running.
 * Acknowledged messages are removed immediately, because the broker may reuse their packet ids.
 */
export class PubackQueue {
  readonly #strict: boolean;
  readonly #unacknowledged = new PacketTable();
  /** Messages of this connection, in order of receipt (strict) or of completion. */
  #order: MqttAckHandle[] = [];
  #head = 0;
  /** Messages of connections before this one will not be resent. */
  #resentSince = 0;

  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** Messages that owe a PUBACK. */
  get size(): number {
    return this.#unacknowledged.size;
  }

  /** Completed messages that wait only for an older one, as strict order requires. */
  get waiting(): number {
    if (!this.#strict) return 0;
    let waiting = 0;
    for (let index = this.#head; index < this.#order.length; index += 1) if (this.#order[index]?.done) waiting += 1;
    return waiting;
  }

  /**
   * Attaches a redelivered message to the work already running for it. Returns false if the message is new.
   *
   * Some brokers resend a message over the same connection, with DUP set, if its PUBACK is slow. Without DUP, the same
   * packet id over the same connection is another message.
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

  /** Records that a message is safe. Its PUBACK is due if its connection is still open. */
  completed(ackHandle: MqttAckHandle, connection: number): void {
    ackHandle.done = true;
    if (ackHandle.connection < this.#resentSince) this.#unacknowledged.delete(ackHandle);
    if (!this.#strict && ackHandle.connection === connection) this.#order.push(ackHandle);
  }

  /** Leaves a message unacknowledged: the broker delivers it again when the session resumes. */
  forget(ackHandle: MqttAckHandle): void {
    this.#unacknowledged.delete(ackHandle);
    ackHandle.done = true;
  }

  /**
   * Forgets messages received before this connection: the broker had time to resend them and did not (they expired, or
   * came under another packet id). Unfinished ones are forgotten on completion.
   */
  forgetBefore(connection: number): void {
    this.#resentSince = connection;
    for (const ackHandle of this.#unacknowledged.all()) {
      if (ackHandle.done && ackHandle.connection !== connection) this.#unacknowledged.delete(ackHandle);
    }
  }

  /**
   * Returns the PUBACKs that may be written now, and counts them as written. The bytes are valid in MQTT 3.1.1 and 5.
   */
  take(): Buffer | undefined {
    const first = this.#head;
    while (this.#head < this.#order.length && this.#order[this.#head]?.done) this.#head += 1;
    if (this.#head === first) return undefined;
    const bytes = Buffer.allocUnsafe((this.#head - first) * PUBACK_BYTES);
    let length = 0;
    for (let index = first; index < this.#head; index += 1) {
      const ackHandle = this.#order[index];
      // An ack handle whose packet id was reused must not acknowledge its successor.
      if (ackHandle === undefined || !this.#unacknowledged.delete(ackHandle)) continue;
      bytes[length] = 0x40;
      bytes[length + 1] = 0x02;
      bytes[length + 2] = ackHandle.packetId >> 8;
      bytes[length + 3] = ackHandle.packetId & 0xff;
      length += PUBACK_BYTES;
    }
    if (this.#head > 1024 || this.#head === this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    return length === 0 ? undefined : bytes.subarray(0, length);
  }

  /** Handles a lost connection: messages that owe a PUBACK wait for redelivery. */
  disconnected(): void {
    this.#order = [];
    this.#head = 0;
  }

  /**
   * Handles a lost session: removes and returns messages of earlier connections, which can no longer be acknowledged.
   */
  sessionLost(connection: number): MqttAckHandle[] {
    const lost = this.#unacknowledged.all().filter((ackHandle) => ackHandle.connection !== connection);
    for (const ackHandle of lost) this.#unacknowledged.delete(ackHandle);
    return lost;
  }
}

/** MQTT's packet ids have 16 bits. */
const PACKET_IDS = 65_536;

/**
 * Stores the ack handle of each packet id. An array, because a Map is costly when thousands of entries come and go (see
 * `LinkedList`).
 */
class PacketTable {
  readonly #ackHandles = new Array<MqttAckHandle | undefined>(PACKET_IDS).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(packetId: number): MqttAckHandle | undefined {
    return this.#ackHandles[packetId];
  }

  /** Replaces any earlier holder of its packet id. */
  set(ackHandle: MqttAckHandle): void {
    if (this.#ackHandles[ackHandle.packetId] === undefined) this.#size += 1;
    this.#ackHandles[ackHandle.packetId] = ackHandle;
  }

  /** Returns false if another message, or none, holds its packet id by now. */
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
