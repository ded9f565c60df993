import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import type { IPublishPacket, MqttClient, StreamBuilder } from 'mqtt';
import type { WholeData } from '../../../core/message.ts';
import { ownCopy } from '../../../util/bytes.ts';
import {
  integerAt,
  integerLength,
  MAX_INTEGER_BYTES,
  NO_PROPERTIES,
  type PublishProperties,
  type ReadProperties,
  readProperties,
  type UserProperty,
} from './publish-properties.ts';

/** The parts of a PUBLISH packet that a source needs. */
export interface ReceivedPublish {
  readonly topic: string;
  readonly payload: Buffer;
  /** Packet id of its PUBACK; 0 for QoS 0, which needs none. */
  readonly packetId: number;
  /** True if the broker may have sent it before. */
  readonly dup: boolean;
  /**
   * True for a message retained before this client subscribed, or one that the receiver of a forwarded packet should
   * retain.
   */
  readonly retain: boolean;
  /** Identifiers of the subscriptions that delivered it (MQTT 5), if they have any. */
  readonly subscriptionIds: readonly number[];
  /** MQTT 5 properties, parsed on first access; undefined for most messages. */
  readonly properties: PublishProperties | undefined;
  /** Memory that the packet takes; it retains at most `PIECE_BYTES` of others. */
  readonly byteLength: number;
  /** Set if the payload was too large and is truncated. */
  readonly whole?: WholeData | undefined;
}

/** Callbacks of a reader. Reading stops until `resume` is called once, during the callback or later. */
export interface PublishReaderHandlers {
  readonly onPublish: (packet: ReceivedPublish, resume: () => void) => void;
  /** Called while a large message arrives in parts. */
  readonly onProgress?: () => void;
  /** Called with any other packet, as received. */
  readonly onOther: (bytes: Buffer, resume: () => void) => void;
  /**
   * Called with all received bytes from the first that is not MQTT, where packet boundaries are lost. Nothing follows.
   */
  readonly onLost: (bytes: Buffer) => void;
}

export interface PublishReaderOptions {
  readonly protocolVersion: number;
  /** Longer payloads are truncated. */
  readonly maxPayloadBytes: number;
}

/** Two chunks of a socket. */
const HIGH_WATER_MARK = 128 * 1024;
/** Packets are copied in pieces of this size, so that one long-lived message does not retain a chunk of 64 KiB. */
export const PIECE_BYTES = 8 * 1024;
/** Larger PUBLISH packets are collected as they arrive. Everything before a payload is shorter, except properties. */
const LARGE_BYTES = 128 * 1024;
/** The first byte of a packet, and the first of its length: MQTT-2.2. */
const SHORTEST_PACKET = 2;
const PUBLISH = 3;
/** Bytes after a topic: a packet id, and the length of the properties. */
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
 * Reads PUBLISH packets of QoS 0 and 1 from a broker, and passes on everything else as bytes, in order.
 *
 * MQTT.js reads packets byte by byte through a list of buffers, with one turn of the event loop each: a third of a
 * message's cost. It still parses the packets it needs (CONNACK, SUBACK, PINGRESP) and irregular ones (QoS 2, both QoS
 * bits, an alias instead of a topic, a wrong length).
 *
 * Payloads and properties are views of copied bytes and stay valid. Of a payload beyond `maxPayloadBytes`, only the
 * beginning is kept, and no more is ever buffered.
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
  /** Bytes of the next packet, as far as known. */
  #wanted = SHORTEST_PACKET;
  /** The large packet being collected, if any. */
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
    // Deferred, because `resume` may be called while another message is being settled.
    if (!this.#isReading) process.nextTick(() => this.#read());
  };

  #read(): void {
    this.#isReading = true;
    while (!this.#isPaused && this.#next()) {}
    this.#isReading = false;
    if (this.#isPaused) return;
    // Releases a large packet before the next one arrives.
    if (this.#place === this.#bytes.length) this.#readFrom(NOTHING);
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }

  /** Performs the next step of reading. Returns false if its bytes have not arrived. */
  #next(): boolean {
    if (this.#large !== undefined) return this.#fill(this.#large);
    if (!this.#gather()) return false;
    const bodyStart = this.#bodyStart();
    if (bodyStart !== undefined) this.#take(bodyStart);
    return true;
  }

  /** Makes the wanted bytes contiguous. Returns false if they have not arrived. */
  #gather(): boolean {
    const left = this.#bytes.length - this.#place;
    if (left >= this.#wanted) return true;
    if (left + this.#arrivedLength < this.#wanted) return false;
    const [first] = this.#arrived;
    // The usual case: a small chunk is read in place, a large one in pieces.
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

  /** Removes the next bytes from those that have arrived: at most `atMost`, from one chunk. */
  #arrive(atMost: number): Buffer {
    const chunk = this.#arrived.shift() ?? NOTHING;
    const piece = chunk.subarray(0, atMost);
    if (piece.length < chunk.length) this.#arrived.unshift(chunk.subarray(piece.length));
    this.#arrivedLength -= piece.length;
    return piece;
  }

  /**
   * Returns the index of a packet's body once the whole packet has arrived; otherwise sets how many bytes it waits for.
   */
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
   * Starts collecting a large PUBLISH packet, or sets how many bytes that needs. Returns false for packets that MQTT.js
   * must read.
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

  /** Collects the available bytes of a large packet. Returns false while some are missing. */
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

  /** Returns the header of a PUBLISH; undefined if MQTT.js must read or refuse the packet. */
  #headAt(start: number, bodyStart: number, end: number): PublishHead | undefined {
    const bytes = this.#bytes;
    const header = bytes[start] ?? 0;
    if (!isPublish(header)) return undefined;
    const hasPacketId = (header & 6) !== 0;
    const topicStart = bodyStart + 2;
    if (topicStart > end) return undefined;
    const topicEnd = topicStart + bytes.readUInt16BE(bodyStart);
    let place = topicEnd + (hasPacketId ? 2 : 0);
    // An empty topic means that an alias is used.
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

/** Twice the attributes that Pub/Sub allows: 100 names and values of 256 and 1,024 bytes. */
const MAX_BYTES_BEFORE = 256 * 1024;

/** The retained bytes of a payload; `whole` is set if they are only its beginning. */
export interface KeptPayload {
  readonly before: Buffer;
  readonly payload: Buffer;
  readonly whole?: WholeData;
}

/**
 * Collects the payload of a large PUBLISH packet as it arrives, in one buffer of its size. Beyond `maxBytes`, keeps
 * only the length and the hash of the whole payload.
 */
export class LargePayload {
  readonly #byteLength: number;
  readonly #before: Buffer;
  readonly #payload: Buffer;
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #missingBefore: number;
  #keptBefore = 0;
  #missing: number;
  #kept = 0;

  /** @param before bytes that precede the payload; the first 256 KiB of them are kept. */
  constructor(before: number, byteLength: number, maxBytes: number) {
    this.#missingBefore = before;
    this.#before = Buffer.allocUnsafeSlow(Math.min(before, MAX_BYTES_BEFORE));
    this.#missing = byteLength;
    this.#byteLength = byteLength;
    this.#payload = Buffer.allocUnsafeSlow(Math.min(byteLength, maxBytes));
    this.#hash = byteLength > maxBytes ? createHash('sha256') : undefined;
  }

  get isComplete(): boolean {
    return this.#missingBefore + this.#missing === 0;
  }

  /** Consumes the next bytes, and returns how many of the given ones belong to the packet. */
  take(bytes: Buffer): number {
    const start = Math.min(this.#missingBefore, bytes.length);
    this.#missingBefore -= start;
    this.#keptBefore += bytes.copy(this.#before, this.#keptBefore, 0, start);
    const end = start + Math.min(this.#missing, bytes.length - start);
    this.#missing -= end - start;
    // Copies as much as fits.
    this.#kept += bytes.copy(this.#payload, this.#kept, start, end);
    this.#hash?.update(bytes.subarray(start, end));
    return end;
  }

  /** Must be called once, when complete. */
  kept(): KeptPayload {
    const before = this.#before;
    const payload = this.#payload;
    if (this.#hash === undefined) return { before, payload };
    return { before, payload, whole: { byteLength: this.#byteLength, sha256: this.#hash.digest('hex') } };
  }
}

/** Private members that every client has. */
interface OpenedClient {
  streamBuilder: StreamBuilder;
}

/**
 * Sends a client's messages to `onPublish`, bypassing MQTT.js, which still handles the rest of the protocol:
 * connecting, subscribing, pings and refused packets. Must be called before the client connects; taps every connection.
 *
 * MQTT.js has no public access to its bytes: it creates a stream and pipes it to its parser. The reader sits in
 * between. The client's events `message` and `packetreceive` no longer report these messages, and neither does
 * `customHandleAcks`. A client that allows topic aliases is left unchanged, because MQTT.js resolves them.
 */
export function tapPublishes(
  client: MqttClient,
  maxPayloadBytes: number,
  onPublish: (packet: ReceivedPublish, resume: () => void) => void,
): void {
  const { topicAliasMaximum = 0 } = client.options.properties ?? {};
  if (topicAliasMaximum > 0) return;
  const opened = client as unknown as OpenedClient;
  const buildStream = opened.streamBuilder;
  opened.streamBuilder = (self, options) => {
    const stream = buildStream(self, options);
    const pipe = stream.pipe.bind(stream);
    stream.pipe = <T extends NodeJS.WritableStream>(parser: T): T => {
      const reader = new PublishReader(
        { protocolVersion: client.options.protocolVersion ?? 4, maxPayloadBytes },
        {
          onPublish: (packet, resume) => {
            // Packets after one that MQTT.js has refused are resent over the next stream, in order.
            if (client.stream === stream && !stream.destroyed) onPublish(packet, resume);
            else resume();
          },
          onProgress: pingNowAndThen(client),
          // Later packets wait until MQTT.js has read this one, as with its own parser.
          onOther: (bytes, resume) => parser.write(bytes, resume),
          // MQTT.js reports the problem, but would then continue in the middle of the data.
          onLost: (bytes) => parser.write(bytes, () => stream.destroy()),
        },
      );
      pipe(reader);
      return parser;
    };
    return stream;
  };
}

/**
 * Sends pings while a large message arrives, three times per keepalive. The PINGRESP is queued after the message, and
 * MQTT.js would take the delay for a dead connection and close it, so that the message would be resent forever.
 */
function pingNowAndThen(client: MqttClient): () => void {
  let pingedAt = performance.now();
  return () => {
    const now = performance.now();
    if (now - pingedAt < (client.keepalive * 1_000) / 3 || !client.connected) return;
    pingedAt = now;
    client.sendPing();
    client.reschedulePing(true);
  };
}

/** Converts a packet parsed by MQTT.js to the same shape. */
export function asReceived({
  topic,
  payload,
  qos,
  messageId = 0,
  dup,
  retain,
  properties,
}: IPublishPacket): ReceivedPublish {
  // MQTT.js provides a view of a socket chunk.
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : ownCopy(payload);
  // MQTT.js acknowledges QoS 2.
  const packetId = qos === 1 ? messageId : 0;
  const byteLength = bytes.length + Buffer.byteLength(topic);
  return { topic, payload: bytes, packetId, dup, retain, ...parsedProperties(properties), byteLength };
}

/** Converts properties parsed by MQTT.js, which keeps the order of values within a name, but not of names. */
function parsedProperties(properties: IPublishPacket['properties']): ReadProperties {
  if (properties === undefined) return NO_PROPERTIES;
  const { subscriptionIdentifier = [], userProperties = {}, correlationData, topicAlias: _, ...others } = properties;
  const subscriptionIds = [subscriptionIdentifier].flat();
  if (Object.keys(properties).every((name) => name === 'subscriptionIdentifier' || name === 'topicAlias'))
    return { subscriptionIds, properties: undefined };
  return {
    subscriptionIds,
    properties: {
      ...others,
      ...(correlationData === undefined ? {} : { correlationData: ownCopy(correlationData) }),
      userProperties: Object.entries(userProperties).flatMap(([name, values]) =>
        [values].flat().map((value): UserProperty => [name, value]),
      ),
    },
  };
}
