/** A name and value set by a device. */
export type UserProperty = readonly [name: string, value: string];

/** MQTT 5 properties of a message: MQTT-3.3.2.3. */
export interface PublishProperties {
  /** In their order; names may repeat. */
  readonly userProperties: readonly UserProperty[];
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Buffer | undefined;
  /** True if the sender declares the payload to be UTF-8 text. */
  readonly payloadFormatIndicator?: boolean | undefined;
  /** Remaining lifetime of the message, in seconds. */
  readonly messageExpiryInterval?: number | undefined;
}

/** The result of `readProperties`. */
export interface ReadProperties {
  /** Identifiers of the subscriptions that delivered the message. */
  readonly subscriptionIds: readonly number[];
  /** Undefined if there are only identifiers. */
  readonly properties: PublishProperties | undefined;
}

const PAYLOAD_FORMAT_INDICATOR = 0x01;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;
const USER_PROPERTY = 0x26;

/** Shared result for packets without properties. */
export const NO_PROPERTIES: ReadProperties = Object.freeze({
  subscriptionIds: Object.freeze([]),
  properties: undefined,
});

/**
 * Cached results for packets with a single identifier and nothing else: one per filter, repeated with every message.
 */
const ONE_ID = new Map<number, ReadProperties>();
/** A broker may send any identifier. */
const MAX_KNOWN_IDS = 1_000;

function ofOneId(id: number): ReadProperties {
  const known = ONE_ID.get(id);
  if (known !== undefined) return known;
  if (ONE_ID.size >= MAX_KNOWN_IDS) ONE_ID.clear();
  const read: ReadProperties = Object.freeze({ subscriptionIds: Object.freeze([id]), properties: undefined });
  ONE_ID.set(id, read);
  return read;
}

/**
 * Reads the properties of a PUBLISH packet between `start` and `end`: subscription identifiers immediately, the others
 * on demand. Stops at the first malformed or truncated property, so that bad properties never lose a message.
 */
export function readProperties(bytes: Buffer, start: number, end: number): ReadProperties {
  if (start >= end) return NO_PROPERTIES;
  if (bytes[start] === SUBSCRIPTION_IDENTIFIER && integerLength(bytes, start + 1, end) === end - start - 1) {
    return ofOneId(integerAt(bytes, start + 1, end - start - 1));
  }
  const subscriptionIds: number[] = [];
  let others = 0;
  for (let place = start; place < end; ) {
    const next = endOf(bytes, place, end);
    if (next === undefined) break;
    if (bytes[place] === SUBSCRIPTION_IDENTIFIER) subscriptionIds.push(integerAt(bytes, place + 1, next - place - 1));
    else if (bytes[place] !== TOPIC_ALIAS) others += 1;
    place = next;
  }
  return { subscriptionIds, properties: others === 0 ? undefined : new EncodedProperties(bytes, start, end) };
}

/** Encoded properties that are decoded on demand. */
class EncodedProperties implements PublishProperties {
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;
  #read: PublishProperties | undefined;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  get userProperties(): readonly UserProperty[] {
    return this.#all.userProperties;
  }

  get contentType(): string | undefined {
    return this.#all.contentType;
  }

  get responseTopic(): string | undefined {
    return this.#all.responseTopic;
  }

  get correlationData(): Buffer | undefined {
    return this.#all.correlationData;
  }

  get payloadFormatIndicator(): boolean | undefined {
    return this.#all.payloadFormatIndicator;
  }

  get messageExpiryInterval(): number | undefined {
    return this.#all.messageExpiryInterval;
  }

  get #all(): PublishProperties {
    this.#read ??= decoded(this.#bytes, this.#start, this.#end);
    return this.#read;
  }
}

function decoded(bytes: Buffer, start: number, end: number): PublishProperties {
  const userProperties: UserProperty[] = [];
  const one: { -readonly [Name in keyof PublishProperties]?: PublishProperties[Name] } = {};
  for (let place = start; place < end; ) {
    const next = endOf(bytes, place, end);
    if (next === undefined) break;
    const value = place + 1;
    switch (bytes[place]) {
      case PAYLOAD_FORMAT_INDICATOR:
        one.payloadFormatIndicator = bytes[value] !== 0;
        break;
      case MESSAGE_EXPIRY_INTERVAL:
        one.messageExpiryInterval = bytes.readUInt32BE(value);
        break;
      case CONTENT_TYPE:
        one.contentType = textAt(bytes, value);
        break;
      case RESPONSE_TOPIC:
        one.responseTopic = textAt(bytes, value);
        break;
      case CORRELATION_DATA:
        one.correlationData = bytes.subarray(value + 2, next);
        break;
      case USER_PROPERTY:
        userProperties.push([textAt(bytes, value), textAt(bytes, value + 2 + bytes.readUInt16BE(value))]);
        break;
    }
    place = next;
  }
  return { ...one, userProperties };
}

/** Returns the end of the property at `place`; undefined if it is beyond `end`, or not a property of PUBLISH. */
function endOf(bytes: Buffer, place: number, end: number): number | undefined {
  const next = place + 1 + lengthOf(bytes, place + 1, end, bytes[place] ?? 0);
  // Also false for NaN.
  return next <= end ? next : undefined;
}

/** Returns the length of the property value at `start`; NaN if it cannot be determined. */
function lengthOf(bytes: Buffer, start: number, end: number, property: number): number {
  switch (property) {
    case PAYLOAD_FORMAT_INDICATOR:
      return 1;
    case TOPIC_ALIAS:
      return 2;
    case MESSAGE_EXPIRY_INTERVAL:
      return 4;
    case CONTENT_TYPE:
    case RESPONSE_TOPIC:
    case CORRELATION_DATA:
      return textLength(bytes, start, end);
    case USER_PROPERTY: {
      const name = textLength(bytes, start, end);
      return name + textLength(bytes, start + name, end);
    }
    case SUBSCRIPTION_IDENTIFIER: {
      const length = integerLength(bytes, start, end);
      return length === 0 || length > MAX_INTEGER_BYTES ? Number.NaN : length;
    }
    default:
      return Number.NaN;
  }
}

function textLength(bytes: Buffer, start: number, end: number): number {
  return start + 2 <= end ? 2 + bytes.readUInt16BE(start) : Number.NaN;
}

function textAt(bytes: Buffer, start: number): string {
  return bytes.toString('utf8', start + 2, start + 2 + bytes.readUInt16BE(start));
}

/** MQTT-1.5.5. */
export const MAX_INTEGER_BYTES = 4;

/**
 * Returns the length of the integer at `start`: 0 if `end` cuts it off, more than `MAX_INTEGER_BYTES` if it is invalid.
 */
export function integerLength(bytes: Buffer, start: number, end: number): number {
  for (let length = 1; length <= MAX_INTEGER_BYTES; length += 1) {
    if (start + length > end) return 0;
    if ((bytes[start + length - 1] ?? 0) < 0x80) return length;
  }
  return MAX_INTEGER_BYTES + 1;
}

/** Decodes the integer of `length` bytes at `start`. */
export function integerAt(bytes: Buffer, start: number, length: number): number {
  let value = 0;
  for (let byte = 0; byte < length; byte += 1) value += ((bytes[start + byte] ?? 0) & 0x7f) << (7 * byte);
  return value;
}
