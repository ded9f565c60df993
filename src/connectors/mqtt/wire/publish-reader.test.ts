import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import * as assert from 'uvu/assert';
import { eventually } from '../../../testing/eventually.ts';
import { suite } from '../../../testing/suite.ts';
import { ownCopy } from '../../../util/bytes.ts';
import { type PublishProperties, readProperties } from './publish-properties.ts';
import { asReceived as fromMqttJs, PIECE_BYTES, PublishReader, type ReceivedPublish } from './publish-reader.ts';

type Seen = ReceivedPublish | { readonly other: string } | { readonly lost: string };

const V5 = { protocolVersion: 5 };
const MAX_PAYLOAD_BYTES = 1_000_000;

interface Reading {
  readonly maxPayloadBytes?: number;
  /** Resumes reading; immediately by default. */
  readonly later?: ((resume: () => void) => void) | undefined;
}

/** Reads chunks one after the other. */
function reading(
  protocolVersion: number,
  { maxPayloadBytes = MAX_PAYLOAD_BYTES, later = (resume) => resume() }: Reading = {},
) {
  const seen: Seen[] = [];
  const take = (each: Seen, resume: () => void): void => {
    seen.push(each);
    later(resume);
  };
  const reader = new PublishReader(
    { protocolVersion, maxPayloadBytes },
    {
      onPublish: take,
      onOther: (bytes, resume) => take({ other: bytes.toString('hex') }, resume),
      onLost: (bytes) => seen.push({ lost: bytes.toString('hex') }),
    },
  );
  return { reader, seen };
}

function publish(packet: Partial<IPublishPacket>): IPublishPacket {
  return { cmd: 'publish', topic: 'a/b', payload: Buffer.from('x'), qos: 0, dup: false, retain: false, ...packet };
}

/** Converts a packet parsed by mqtt-packet to the shape of our reader, without its counts. */
function asReceived(
  packet: IPublishPacket,
  { maxPayloadBytes = MAX_PAYLOAD_BYTES, protocolVersion = 5 } = {},
): Omit<ReceivedPublish, 'byteLength'> {
  const reading = parser({ protocolVersion });
  const read: Packet[] = [];
  reading.on('packet', (each) => read.push(each));
  reading.parse(generate(packet, { protocolVersion }));
  const [only] = read;
  if (only?.cmd !== 'publish') throw new Error('mqtt-packet has read no PUBLISH');
  const { byteLength: _, ...whole } = fromMqttJs(only);
  return cutTo(maxPayloadBytes, plain(whole));
}

/** Makes properties comparable: groups user properties by name, because MQTT.js does not keep the order of names. */
function plain<P extends Pick<ReceivedPublish, 'properties'>>(packet: P): P {
  const { properties } = packet;
  if (properties === undefined) return packet;
  return { ...packet, properties: plainProperties(properties) };
}

function plainProperties(properties: PublishProperties): PublishProperties {
  const { contentType, responseTopic, correlationData, payloadFormatIndicator, messageExpiryInterval } = properties;
  return {
    ...{ contentType, responseTopic, correlationData, payloadFormatIndicator, messageExpiryInterval },
    userProperties: properties.userProperties.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))),
  };
}

function cutTo<P extends Pick<ReceivedPublish, 'payload'>>(maxPayloadBytes: number, whole: P): P {
  const bytes = whole.payload;
  const packet = { ...whole, payload: bytes.subarray(0, maxPayloadBytes) };
  if (bytes.length <= maxPayloadBytes) return packet;
  return { ...packet, whole: { byteLength: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } };
}

function uncounted(each: Seen): Omit<Seen, 'byteLength'> {
  if (!('byteLength' in each)) return each;
  const { byteLength: _, whole, ...packet } = each;
  return plain(whole === undefined ? packet : { ...packet, whole });
}

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
const properties = fc.record(
  {
    userProperties: fc.dictionary(
      fc.string({ maxLength: 20 }),
      fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 4 })),
      // mqtt-packet writes a wrong length if there are no names.
      { minKeys: 1 },
    ),
    contentType: text,
    responseTopic: text,
    correlationData: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.nat(4_294_967_295),
    subscriptionIdentifier: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 268_435_455 })),
  },
  { requiredKeys: [] },
);
const publishes = fc
  .record({
    topic: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((text) => !/[#+\0]/.test(text)),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    qos: fc.constantFrom(0 as const, 1 as const),
    messageId: fc.integer({ min: 1, max: 65_535 }),
    isAgain: fc.boolean(),
    retain: fc.boolean(),
    properties: fc.option(properties),
  })
  .map(({ isAgain, properties, ...packet }) =>
    publish({ ...packet, dup: isAgain && packet.qos === 1, ...(properties === null ? {} : { properties }) }),
  );
const others = fc.constantFrom<Packet>(
  { cmd: 'pingresp' },
  { cmd: 'connack', sessionPresent: true, reasonCode: 0, returnCode: 0 },
  { cmd: 'suback', messageId: 7, granted: [1, 0] },
  { cmd: 'disconnect', reasonCode: 142 },
);

type FromArbitrary<A> = A extends fc.Arbitrary<infer T> ? T : never;

/** A string as MQTT encodes it: MQTT-1.5.4. */
function text16(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)).filter((piece) => piece.length > 0);
}

suite('PUBLISH reader', ({ test }) => {
  test('reads what mqtt-packet writes, however it is chunked, in order, and passes on the rest unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ arbitrary: publishes, weight: 4 }, { arbitrary: others, weight: 1 }), { maxLength: 20 }),
        fc.array(fc.nat(5_000), { maxLength: 12 }),
        fc.constantFrom(4, 5),
        fc.boolean(),
        async (packets, places, protocolVersion, isPaused) => {
          const written = packets.map((packet) => generate(packet, { protocolVersion }));
          const { reader, seen } = reading(protocolVersion, { later: isPaused ? setImmediate : undefined });
          for (const chunk of cut(Buffer.concat(written), places)) reader.write(chunk);
          const expected = packets.map((packet, index) =>
            packet.cmd === 'publish'
              ? asReceived(packet, { protocolVersion })
              : { other: written[index]?.toString('hex') ?? '' },
          );
          await eventually(() => assert.is(seen.length, expected.length), { everyMs: 1 });
          assert.equal(seen.map(uncounted), expected);
          for (const [index, each] of seen.entries()) {
            if ('byteLength' in each) assert.is(each.byteLength, written[index]?.length);
          }
        },
      ),
      { numRuns: 300, endOnFailure: true },
    );
  });

  test('keeps the order of user properties, and all subscription identifiers wherever they are', () => {
    const pair = (name: string, value: string) => Buffer.concat([Buffer.of(0x26), text16(name), text16(value)]);
    const block = Buffer.concat([
      Buffer.of(0x0b, 7),
      pair('b', 'one'),
      Buffer.of(0x0b, 0xff, 0xff, 0xff, 0x7f),
      pair('a', ''),
      pair('b', 'two'),
      pair('', 'no name'),
      Buffer.of(0x02, 0, 0, 1, 0, 0x0b, 1),
    ]);
    const body = Buffer.concat([text16('a/b'), Buffer.of(block.length), block, Buffer.from('payload')]);
    const { reader, seen } = reading(5);
    reader.write(Buffer.concat([Buffer.of(0x31, body.length), body]));
    const [only] = seen;
    if (only === undefined || !('payload' in only)) throw new Error('nothing was read');
    assert.equal(only.subscriptionIds, [7, 268_435_455, 1]);
    assert.equal(only.properties?.userProperties, [
      ['b', 'one'],
      ['a', ''],
      ['b', 'two'],
      ['', 'no name'],
    ]);
    assert.is(only.properties?.messageExpiryInterval, 256);
    assert.is(only.retain, true);
    assert.is(only.payload.toString(), 'payload');
  });

  test('creates nothing for a packet without properties or with identifiers only', () => {
    const { reader, seen } = reading(5);
    for (const properties of [undefined, { subscriptionIdentifier: 300 }, { contentType: 'text/plain' }]) {
      reader.write(generate(publish(properties === undefined ? {} : { properties }), V5));
    }
    const found = seen.map((each) => ('payload' in each ? [each.subscriptionIds, each.properties?.contentType] : []));
    assert.equal(found, [
      [[], undefined],
      [[300], undefined],
      [[], 'text/plain'],
    ]);
    const [bare, numbered] = seen;
    assert.ok(bare !== undefined && 'payload' in bare && bare.properties === undefined);
    assert.ok(numbered !== undefined && 'payload' in numbered && numbered.properties === undefined);
  });

  test('malformed or truncated properties do not lose a message: earlier ones are read', () => {
    const good = generate(publish({ properties: { contentType: 'c', subscriptionIdentifier: 3 } }), V5).subarray(8);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(8), (odd, length) => {
        const bytes = Buffer.concat([good.subarray(0, Math.min(length, good.length - 1)), odd]);
        const { subscriptionIds, properties } = readProperties(bytes, 0, bytes.length);
        assert.ok(subscriptionIds.every((id) => id >= 0 && id <= 268_435_455));
        for (const each of properties?.userProperties ?? []) assert.is(each.length, 2);
      }),
      { numRuns: 1_000 },
    );
    const block = Buffer.of(0x0b, 3, 0x03, 0, 1, 0x63, 0x7f, 0x0b, 4);
    const { subscriptionIds, properties } = readProperties(block, 0, block.length);
    assert.equal([subscriptionIds, properties?.contentType], [[3], 'c']);
    const { reader, seen } = reading(5);
    reader.write(Buffer.of(0x30, 6 + block.length, 0, 1, 0x61, block.length, ...block, 0x78, 0x79));
    const [only] = seen;
    assert.ok(only !== undefined && 'payload' in only && only.payload.toString() === 'xy');
  });

  test('keeps no more than 256 KiB of properties', () => {
    const value = 'v'.repeat(65_000);
    const userProperties = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`p${index}`, value]));
    const { reader, seen } = reading(5);
    reader.write(generate(publish({ properties: { userProperties } }), V5));
    const [only] = seen;
    if (only === undefined || !('payload' in only)) throw new Error('nothing was read');
    assert.equal(
      only.properties?.userProperties.map(([name]) => name),
      ['p0', 'p1', 'p2', 'p3'],
    );
    assert.ok(only.byteLength < 263_000);
    assert.is(only.payload.toString(), 'x');
  });

  test('truncates payloads beyond the limit, however they are chunked, and keeps their length and hash', async () => {
    const large = fc.record({
      qos: fc.constantFrom(0 as const, 1 as const),
      topicLength: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 65_535 })),
      payloadLength: fc.oneof(fc.nat(300), fc.integer({ min: 130_000, max: 132_000 }), fc.nat(400_000)),
      // Three of them can make a small payload a large packet.
      propertyLength: fc.oneof(fc.constant(undefined), fc.nat(200), fc.nat(65_535)),
      byte: fc.nat(255),
    });
    const built = ({ qos, topicLength, payloadLength, propertyLength, byte }: FromArbitrary<typeof large>) => {
      const property = 'p'.repeat(propertyLength ?? 0);
      return publish({
        ...{ qos, topic: 't'.repeat(topicLength), payload: Buffer.alloc(payloadLength, byte) },
        ...(qos === 1 ? { messageId: byte + 1, dup: byte > 100 } : {}),
        ...(propertyLength === undefined
          ? {}
          : { properties: { userProperties: { a: property, b: property, c: property } } }),
      });
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ arbitrary: large, weight: 4 }, { arbitrary: others, weight: 1 }), { maxLength: 6 }),
        fc.array(fc.nat(2_000_000), { maxLength: 12 }),
        fc.constantFrom(4, 5),
        fc.constantFrom(1, 1_000, 131_000, 300_000),
        async (shapes, places, protocolVersion, maxPayloadBytes) => {
          const packets = shapes.map((shape) => ('cmd' in shape ? shape : built(shape)));
          const written = packets.map((packet) => generate(packet, { protocolVersion }));
          const { reader, seen } = reading(protocolVersion, { maxPayloadBytes });
          for (const chunk of cut(Buffer.concat(written), places)) reader.write(chunk);
          await eventually(() => assert.is(seen.length, packets.length), { everyMs: 1 });
          for (const [index, packet] of packets.entries()) {
            const expected =
              packet.cmd === 'publish'
                ? asReceived(packet, { maxPayloadBytes, protocolVersion })
                : { other: written[index]?.toString('hex') ?? '' };
            // `assert.equal` would print megabytes.
            assert.ok(isDeepStrictEqual(seen.map(uncounted)[index], expected), `packet ${index}`);
          }
        },
      ),
      { numRuns: 100, endOnFailure: true },
    );
  });

  test('retains no more of an oversized message than its kept part', () => {
    const kept = 200_000;
    const { reader, seen } = reading(4, { maxPayloadBytes: kept });
    const chunk = Buffer.alloc(64 * 1024);
    const payloadBytes = 200 * 1024 * 1024;
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    reader.write(Buffer.from([0x32, 0x80 + 9, 0x80, 0x80, 0x64, 0, 3, 0x61, 0x2f, 0x62, 0, 7, 0, 0]));
    for (let sent = 2; sent < payloadBytes + 2; sent += chunk.length) {
      reader.write(chunk.subarray(0, payloadBytes + 2 - sent));
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    assert.ok(most < 2_000_000, `${most} bytes`);
    const [only] = seen;
    if (only === undefined || !('payload' in only)) throw new Error('nothing was read');
    assert.equal([only.topic, only.packetId, only.payload.length], ['a/b', 7, kept]);
    assert.is(only.whole?.byteLength, payloadBytes + 2);
  });

  test('a message retains its counted bytes, not the socket chunk it came in', () => {
    const sizes = [100, 7_000, 9_000, 100, 40_000, 3, 200_000, 1_000, 1_000];
    const packets = sizes.map((size, index) => publish({ payload: Buffer.alloc(size, index), qos: 1, messageId: 7 }));
    const bytes = Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: 4 })));
    const { reader, seen } = reading(4);
    for (let start = 0; start < bytes.length; start += 65_536) {
      reader.write(ownCopy(bytes.subarray(start, start + 65_536)));
    }
    assert.equal(
      seen.map(uncounted),
      packets.map((packet) => asReceived(packet)),
    );
    for (const each of seen) {
      if (!('payload' in each)) throw new Error('nothing else was sent');
      const held = each.payload.buffer.byteLength;
      assert.ok(held <= each.byteLength + Math.max(PIECE_BYTES, Buffer.poolSize), `${each.byteLength} hold ${held}`);
      if (each.payload.length > Buffer.poolSize) assert.ok(held - each.byteLength < 32);
    }
  });

  test('reads and accepts nothing until it may resume', async () => {
    const waiting: (() => void)[] = [];
    const { reader, seen } = reading(5, { later: (resume) => waiting.push(resume) });
    const packet = generate(publish({ payload: Buffer.alloc(50_000) }), V5);
    const more = Array.from({ length: 3 }, () => reader.write(packet));
    assert.equal(more, [true, true, false], 'the third one is past the mark');
    assert.is(seen.length, 1);
    for (let read = 2; read <= 3; read += 1) {
      waiting.shift()?.();
      assert.is(seen.length, read - 1, 'not in the turn of the one that lets it go');
      await eventually(() => assert.is(seen.length, read), { everyMs: 1 });
    }
    const drained = new Promise((resolve) => reader.once('drain', resolve));
    waiting.shift()?.();
    await drained;
  });

  test('reads a large message from many chunks', async () => {
    const { reader, seen } = reading(4, { maxPayloadBytes: 3_000_000 });
    const packet = publish({ payload: Buffer.alloc(3_000_000, 'large'), qos: 1, messageId: 9 });
    const bytes = generate(packet, { protocolVersion: 4 });
    for (const chunk of cut(
      Buffer.concat([bytes, bytes]),
      Array.from({ length: 90 }, (_, n) => n * 65_536),
    )) {
      reader.write(chunk);
    }
    await eventually(() => assert.is(seen.length, 2));
    assert.equal(seen.map(uncounted), [
      asReceived(packet, { maxPayloadBytes: 3_000_000 }),
      asReceived(packet, { maxPayloadBytes: 3_000_000 }),
    ]);
  });

  test('leaves irregular packets to MQTT.js', () => {
    const bytes = (...values: number[]) => Buffer.from(values);
    const odd: Record<string, Buffer> = {
      'QoS 2': generate(publish({ qos: 2, messageId: 3 }), V5),
      'both QoS bits': bytes(0x36, 6, 0, 1, 0x61, 0, 1, 0),
      'a topic of no length': generate(publish({ topic: '', properties: { topicAlias: 1 } }), V5),
      'no room for a topic': bytes(0x30, 1, 0),
      'a topic that is longer than the packet': bytes(0x30, 4, 0, 9, 0x61, 0),
      'no room for a packet id': bytes(0x32, 4, 0, 1, 0x61, 0),
      'no properties': bytes(0x30, 3, 0, 1, 0x61),
      'properties that are longer than the packet': bytes(0x30, 5, 0, 1, 0x61, 9, 0),
      'properties of a length that is none': bytes(0x30, 8, 0, 1, 0x61, 0x80, 0x80, 0x80, 0x80, 1),
    };
    const good = publish({});
    for (const [what, packet] of Object.entries(odd)) {
      const { reader, seen } = reading(5);
      reader.write(Buffer.concat([packet, generate(good, V5)]));
      assert.equal(seen.map(uncounted), [{ other: packet.toString('hex') }, asReceived(good)], what);
    }
  });

  test('gives up at an invalid length', () => {
    const { reader, seen } = reading(5);
    const good = generate(publish({}), V5);
    const lost = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01, 0x02]);
    reader.write(Buffer.concat([good, lost, good]));
    reader.write(good);
    assert.equal(seen.map(uncounted), [asReceived(publish({})), { lost: Buffer.concat([lost, good]).toString('hex') }]);
  });
});
