import { Writable } from 'node:stream';
import type { WholeData } from '../../../core/message.ts';
import { ownCopy } from '../../../util/bytes.ts';
import { LargePayload } from '../large-payload.ts';
import { type PublishProperties, readProperties } from './publish-properties.ts';
import { integerAt, integerLength, MAX_INTEGER_BYTES } from './variable-byte-integer.ts';

/** The parts of a PUBLISH packet that a source needs. */
export interface ReceivedPublish {
  readonly topic: string;
  readonly payload: Buffer;
  /** Packet id of its PUBACK; 0 for QoS 0, which gets none. */
  readonly packetId: number;
  /** The broker has sent it before, or may have. */
  readonly dup: boolean;
  /** It was stored at the broker before this client subscribed, or is to be stored by whoever hands it on. */
  readonly retain: boolean;
  /** The identifiers of the subscriptions that it has come by: MQTT 5, and only where they have one. */
  readonly subscriptionIds: readonly number[];
  /** MQTT 5 properties, parsed on first access; undefined for most messages. */
  readonly properties: PublishProperties | undefined;
  /** Bytes that the packet takes in memory; it can retain at most `PIECE_BYTES` of others. */
  readonly byteLength: number;
  /** Set if the payload was too large, and is only the beginning. */
  readonly whole?: WholeData | undefined;
}

/** Nothing more is read until `resume` is called, once: inside of the handler, or later. */
export interface PublishReaderHandlers {
  readonly onPublish: (packet: ReceivedPublish, resume: () => void) => void;
  /** A large message is coming, and some of it has come. */
  readonly onProgress?: () => void;
  /** Any other packet, as it came. */
  readonly onOther: (bytes: Buffer, resume: () => void) => void;
  /** All that has come, from where it is no MQTT: no packet can be told from the next one any more. Nothing follows. */
  readonly onLost: (bytes: Buffer) => void;
}

export interface PublishReaderOptions {
  readonly protocolVersion: number;
  /** Payloads beyond this are cut. */
  readonly maxPayloadBytes: number;
}

/** Two chunks of a socket. */
const HIGH_WATER_MARK = 128 * 1024;
/** Packets are read in copies of so many bytes: one message that stays long does not hold a chunk of 64 KiB. */
export const PIECE_BYTES = 8 * 1024;
/** Larger PUBLISH packets are taken in as they come. Everything before a payload but properties is shorter. */
const LARGE_BYTES = 128 * 1024;
/** The first byte of a packet, and the first of its length: MQTT-2.2. */
const SHORTEST_PACKET = 2;
const PUBLISH = 3;
/** Behind a topic: a packet id, and the length of the properties. */
const MAX_HEAD_BYTES = 2 + MAX_INTEGER_BYTES;
const NOTHING: Buffer = Buffer.alloc(0);

/** The header of a PUBLISH, and the index of its payload. */
interface PublishHead extends Pick<ReceivedPublish, 'topic' | 'packetId' | 'dup' | 'retain'> {
  readonly propertiesStart: number;
  readonly payloadStart: number;
}

interface LargePublish {
  readonly head: PublishHead;
  readonly payload: LargePayload;
}

/**
 * Reads PUBLISH packets of QoS 0 and 1 from what a broker sends, and hands on everything else as bytes, in order.
 *
 * Why not MQTT.js: it reads them byte by byte through a list of buffers, and takes a turn of the event loop for each,
 * which is a third of what a message costs. What it must know of (CONNACK, SUBACK, PINGRESP), and what is not as it should
 * be (QoS 2, both QoS bits, an alias instead of a topic, a length that does not fit), it still reads itself.
 *
 * Payloads and properties are views of copies of what came, valid for as long as they are held. Of a payload beyond
 * `maxPayloadBytes` the beginning is kept, and no more is ever buffered.
 */
export class PublishReader extends Writable {
  readonly #handlers: PublishReaderHandlers;
  readonly #hasProperties: boolean;
  readonly #maxPayloadBytes: number;
  /** The unread bytes. */
  #bytes = NOTHING;
  #place = 0;
  readonly #arrived: Buffer[] = [];
  #arrivedLength = 0;
  /** Bytes that the next packet takes, as far as is known. */
  #wanted = SHORTEST_PACKET;
  /** The packet that is taken in as it comes, if it is a large one. */
  #large: LargePublish | undefined;
  #isPaused = false;
  #isReading = false;
  #done: (() => void) | undefined;

  constructor({ protocolVersion, maxPayloadBytes }: PublishReaderOptions, handlers: PublishReaderHandlers) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#handlers = handlers;
    this.#hasProperties = protocolVersion === 5;
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#arrived.push(chunk);
    this.#arrivedLength += chunk.length;
    this.#done = done;
    this.#read();
  }

  readonly #resume = (): void => {
    this.#isPaused = false;
    // In a turn of its own: it may be called while another message is being settled.
    if (!this.#isReading) process.nextTick(() => this.#read());
  };

  #read(): void {
    this.#isReading = true;
    while (!this.#isPaused && this.#next()) {}
    this.#isReading = false;
    if (this.#isPaused) return;
    // A large packet is not kept until the next one comes.
    if (this.#place === this.#bytes.length) this.#readFrom(NOTHING);
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  /** Does the next step of reading; false while what it needs has not arrived. */
  #next(): boolean {
    if (this.#large !== undefined) return this.#fill(this.#large);
    if (!this.#gather()) return false;
    const bodyStart = this.#bodyStart();
    if (bodyStart !== undefined) this.#take(bodyStart);
    return true;
  }

  /** Makes the wanted bytes stand in one piece; false while they have not arrived. */
  #gather(): boolean {
    const left = this.#bytes.length - this.#place;
    if (left >= this.#wanted) return true;
    if (left + this.#arrivedLength < this.#wanted) return false;
    const [first] = this.#arrived;
    // As a rule: a small chunk is read where it lies, and a large one in pieces.
    if (left === 0 && first !== undefined && first.length >= this.#wanted) {
      const piece = this.#arrive(Math.max(this.#wanted, PIECE_BYTES));
      this.#readFrom(piece.buffer.byteLength <= PIECE_BYTES ? piece : ownCopy(piece));
    } else {
      const pieces = [this.#bytes.subarray(this.#place)];
      for (let missing = this.#wanted - left; missing > 0; missing -= pieces.at(-1)?.length ?? 0) {
        pieces.push(this.#arrive(missing));
      }
      this.#readFrom(Buffer.concat(pieces));
    }
    return true;
  }

  #readFrom(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#place = 0;
  }

  /** Takes what comes next out of what has arrived: at most so many bytes, and of one chunk. */
  #arrive(atMost: number): Buffer {
    const chunk = this.#arrived.shift() ?? NOTHING;
    const piece = chunk.subarray(0, atMost);
    if (piece.length < chunk.length) this.#arrived.unshift(chunk.subarray(piece.length));
    this.#arrivedLength -= piece.length;
    return piece;
  }

  /** Returns the index of a packet's body once all of the packet is here; else sets how many bytes it waits for. */
  #bodyStart(): number | undefined {
    const start = this.#place + 1;
    const digits = integerLength(this.#bytes, start, this.#bytes.length);
    if (digits === 0) {
      this.#wanted = this.#bytes.length - this.#place + 1;
      return undefined;
    }
    if (digits > MAX_INTEGER_BYTES) {
      this.#isPaused = true;
      this.#handlers.onLost(Buffer.concat([this.#bytes.subarray(this.#place), ...this.#arrived]));
      return undefined;
    }
    const bodyStart = start + digits;
    this.#wanted = 1 + digits + integerAt(this.#bytes, start, digits);
    if (this.#wanted > LARGE_BYTES && this.#beginLarge(bodyStart, this.#place + this.#wanted)) return undefined;
    return this.#bytes.length - this.#place < this.#wanted ? undefined : bodyStart;
  }

  /**
   * Begins to take in a large PUBLISH packet as it comes, or makes known how much is wanted for that. False for a packet
   * that is MQTT.js' to read.
   */
  #beginLarge(bodyStart: number, end: number): boolean {
    const bytes = this.#bytes;
    if (!isPublish(bytes[this.#place])) return false;
    const topicStart = bodyStart + 2;
    const headEnd =
      topicStart > bytes.length ? topicStart : topicStart + bytes.readUInt16BE(bodyStart) + MAX_HEAD_BYTES;
    if (headEnd > bytes.length) {
      this.#wanted = headEnd - this.#place;
      return true;
    }
    const head = this.#headAt(this.#place, bodyStart, end);
    if (head === undefined) return false;
    this.#large = this.#largePublish(head, end);
    this.#place = head.propertiesStart;
    this.#wanted = SHORTEST_PACKET;
    return true;
  }

  /** Takes in what has come of a large packet; false while some of it is missing. */
  #fill({ head, payload }: LargePublish): boolean {
    this.#place += payload.take(this.#bytes.subarray(this.#place));
    while (!payload.isComplete && this.#arrivedLength > 0) {
      const [chunk = NOTHING] = this.#arrived;
      this.#arrive(payload.take(chunk));
    }
    if (!payload.isComplete) {
      this.#handlers.onProgress?.();
      return false;
    }
    this.#large = undefined;
    this.#emitLarge(head, payload);
    return true;
  }

  #largePublish(head: PublishHead, end: number): LargePublish {
    const { propertiesStart, payloadStart } = head;
    const before = payloadStart - propertiesStart;
    return { head, payload: new LargePayload(before, end - payloadStart, this.#maxPayloadBytes) };
  }

  #emitLarge({ topic, packetId, dup, retain }: PublishHead, large: LargePayload): void {
    const { before, payload, whole } = large.kept();
    const { subscriptionIds, properties } = readProperties(before, 0, before.length);
    const byteLength = before.length + payload.length + Buffer.byteLength(topic);
    this.#isPaused = true;
    const received = { topic, payload, packetId, dup, retain, subscriptionIds, properties, byteLength, whole };
    this.#handlers.onPublish(received, this.#resume);
  }

  #take(bodyStart: number): void {
    const start = this.#place;
    const end = start + this.#wanted;
    this.#place = end;
    this.#wanted = SHORTEST_PACKET;
    const head = this.#headAt(start, bodyStart, end);
    this.#isPaused = true;
    if (head === undefined) this.#handlers.onOther(this.#bytes.subarray(start, end), this.#resume);
    else if (end - head.payloadStart > this.#maxPayloadBytes) {
      const { payload } = this.#largePublish(head, end);
      payload.take(this.#bytes.subarray(head.propertiesStart, end));
      this.#emitLarge(head, payload);
    } else {
      const { topic, packetId, dup, retain, propertiesStart, payloadStart } = head;
      const payload = this.#bytes.subarray(payloadStart, end);
      const { subscriptionIds, properties } = readProperties(this.#bytes, propertiesStart, payloadStart);
      const byteLength = end - start;
      const received = { topic, payload, packetId, dup, retain, subscriptionIds, properties, byteLength };
      this.#handlers.onPublish(received, this.#resume);
    }
  }

  /** Returns the header of a PUBLISH; undefined if MQTT.js has to read or refuse the packet. */
  #headAt(start: number, bodyStart: number, end: number): PublishHead | undefined {
    const bytes = this.#bytes;
    const header = bytes[start] ?? 0;
    if (!isPublish(header)) return undefined;
    const hasPacketId = (header & 6) !== 0;
    const topicStart = bodyStart + 2;
    if (topicStart > end) return undefined;
    const topicEnd = topicStart + bytes.readUInt16BE(bodyStart);
    let place = topicEnd + (hasPacketId ? 2 : 0);
    // A topic of no length stands for an alias.
    if (topicEnd === topicStart || place > end) return undefined;
    let propertiesStart = place;
    if (this.#hasProperties) {
      const digits = integerLength(bytes, place, end);
      if (digits === 0 || digits > MAX_INTEGER_BYTES) return undefined;
      propertiesStart += digits;
      place = propertiesStart + integerAt(bytes, place, digits);
      if (place > end) return undefined;
    }
    return {
      topic: bytes.toString('utf8', topicStart, topicEnd),
      packetId: hasPacketId ? bytes.readUInt16BE(topicEnd) : 0,
      dup: (header & 8) !== 0,
      retain: (header & 1) !== 0,
      propertiesStart,
      payloadStart: place,
    };
  }
}

/** Returns whether the first byte is that of a PUBLISH of QoS 0 or 1. */
function isPublish(header = 0): boolean {
  return header >> 4 === PUBLISH && (header & 4) === 0;
}
