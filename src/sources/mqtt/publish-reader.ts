import { Writable } from 'node:stream';

/** What a source needs of a PUBLISH packet. */
export interface ReceivedPublish {
  readonly topic: string;
  readonly payload: Buffer;
  /** What its PUBACK names; 0 of QoS 0, which gets none. */
  readonly packetId: number;
  /** The broker has sent it before, or may have. */
  readonly dup: boolean;
}

/** Nothing more is read until `goOn` is called, once: inside of the handler, or later. */
export interface PublishReaderHandlers {
  readonly onPublish: (packet: ReceivedPublish, goOn: () => void) => void;
  /** Any other packet, as it came. */
  readonly onOther: (bytes: Buffer, goOn: () => void) => void;
  /** All that has come, from where it is no MQTT: no packet can be told from the next one any more. Nothing follows. */
  readonly onLost: (bytes: Buffer) => void;
}

/** Two chunks of a socket. */
const HIGH_WATER_MARK = 128 * 1024;
/** The first byte of a packet, and the first of its length: MQTT-2.2. */
const SHORTEST_PACKET = 2;
const PUBLISH = 3;
const MAX_LENGTH_BYTES = 4;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Reads PUBLISH packets of QoS 0 and 1 from what a broker sends, and hands on everything else as bytes, in order.
 *
 * Why not MQTT.js: it reads them byte by byte through a list of buffers, and takes a turn of the event loop for each,
 * which is a third of what a message costs. What it must know of (CONNACK, SUBACK, PINGRESP), and what is not as it should
 * be (QoS 2, both QoS bits, an alias instead of a topic, a length that does not fit), it still reads itself.
 *
 * The properties of MQTT 5 are passed over. Payloads are views of the bytes that came, valid for as long as they are
 * held.
 */
export class PublishReader extends Writable {
  readonly #handlers: PublishReaderHandlers;
  readonly #hasProperties: boolean;
  /** Where packets are read from, and what arrived behind it. */
  #bytes = NOTHING;
  #place = 0;
  readonly #arrived: Buffer[] = [];
  #arrivedLength = 0;
  /** How much the next packet takes, as far as is known. */
  #wanted = SHORTEST_PACKET;
  #isHeld = false;
  #isReading = false;
  #done: (() => void) | undefined;

  constructor(protocolVersion: number, handlers: PublishReaderHandlers) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#handlers = handlers;
    this.#hasProperties = protocolVersion === 5;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#arrived.push(chunk);
    this.#arrivedLength += chunk.length;
    this.#done = done;
    this.#read();
  }

  readonly #goOn = (): void => {
    this.#isHeld = false;
    // In a turn of its own: it may be called while another message is being settled.
    if (!this.#isReading) process.nextTick(() => this.#read());
  };

  #read(): void {
    this.#isReading = true;
    while (!this.#isHeld && this.#gather()) {
      const bodyStart = this.#bodyStart();
      if (bodyStart !== undefined) this.#take(bodyStart);
    }
    this.#isReading = false;
    if (this.#isHeld) return;
    // A large packet is not kept until the next one comes.
    if (this.#place === this.#bytes.length) this.#readFrom(NOTHING);
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  /** Makes the wanted bytes stand in one piece; false while they have not arrived. */
  #gather(): boolean {
    const left = this.#bytes.length - this.#place;
    if (left >= this.#wanted) return true;
    if (left + this.#arrivedLength < this.#wanted) return false;
    const [first] = this.#arrived;
    // As a rule: the next chunk is read where it lies.
    if (left === 0 && first !== undefined && first.length >= this.#wanted) this.#readFrom(this.#arrive(first.length));
    else {
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

  /** Where a packet's body begins, once all of the packet is here; else makes known how much is wanted. */
  #bodyStart(): number | undefined {
    const start = this.#place + 1;
    const digits = digitsAt(this.#bytes, start, this.#bytes.length);
    if (digits === 0) {
      this.#wanted = this.#bytes.length - this.#place + 1;
      return undefined;
    }
    if (digits > MAX_LENGTH_BYTES) {
      this.#isHeld = true;
      this.#handlers.onLost(Buffer.concat([this.#bytes.subarray(this.#place), ...this.#arrived]));
      return undefined;
    }
    this.#wanted = 1 + digits + lengthAt(this.#bytes, start, digits);
    return this.#bytes.length - this.#place < this.#wanted ? undefined : start + digits;
  }

  #take(bodyStart: number): void {
    const start = this.#place;
    const end = start + this.#wanted;
    this.#place = end;
    this.#wanted = SHORTEST_PACKET;
    const packet = this.#publishAt(start, bodyStart, end);
    this.#isHeld = true;
    if (packet === undefined) this.#handlers.onOther(this.#bytes.subarray(start, end), this.#goOn);
    else this.#handlers.onPublish(packet, this.#goOn);
  }

  /** Undefined for what is MQTT.js' to read, or to refuse. */
  #publishAt(start: number, bodyStart: number, end: number): ReceivedPublish | undefined {
    const bytes = this.#bytes;
    const header = bytes[start] ?? 0;
    const qos = (header >> 1) & 3;
    if (header >> 4 !== PUBLISH || (qos !== 0 && qos !== 1)) return undefined;
    const topicStart = bodyStart + 2;
    if (topicStart > end) return undefined;
    const topicEnd = topicStart + bytes.readUInt16BE(bodyStart);
    let place = topicEnd + (qos === 1 ? 2 : 0);
    // A topic of no length stands for an alias.
    if (topicEnd === topicStart || place > end) return undefined;
    if (this.#hasProperties) {
      const digits = digitsAt(bytes, place, end);
      if (digits === 0 || digits > MAX_LENGTH_BYTES) return undefined;
      place += digits + lengthAt(bytes, place, digits);
      if (place > end) return undefined;
    }
    return {
      topic: bytes.toString('utf8', topicStart, topicEnd),
      payload: bytes.subarray(place, end),
      packetId: qos === 1 ? bytes.readUInt16BE(topicEnd) : 0,
      dup: (header & 8) !== 0,
    };
  }
}

/** How many bytes a length takes (a variable byte integer): 0 if it is cut off at `end`, more than the most if it is none. */
function digitsAt(bytes: Buffer, start: number, end: number): number {
  for (let digits = 1; digits <= MAX_LENGTH_BYTES; digits += 1) {
    if (start + digits > end) return 0;
    if ((bytes[start + digits - 1] ?? 0) < 0x80) return digits;
  }
  return MAX_LENGTH_BYTES + 1;
}

function lengthAt(bytes: Buffer, start: number, digits: number): number {
  let length = 0;
  for (let digit = 0; digit < digits; digit += 1) length += ((bytes[start + digit] ?? 0) & 0x7f) << (7 * digit);
  return length;
}
