import fc from 'fast-check';
import { generate, type IPublishPacket, type Packet } from 'mqtt-packet';
import * as assert from 'uvu/assert';
import { eventually } from '../../testing/eventually.ts';
import { suite } from '../../testing/suite.ts';
import { PublishReader, type ReceivedPublish } from './publish-reader.ts';

type Seen = ReceivedPublish | { readonly other: string } | { readonly lost: string };

const V5 = { protocolVersion: 5 };

/** Reads chunks, one after the other, and goes on as `goOn` says: by default at once. */
function reading(version: number, later: (goOn: () => void) => void = (goOn) => goOn()) {
  const seen: Seen[] = [];
  const take = (each: Seen, goOn: () => void): void => {
    seen.push(each);
    later(goOn);
  };
  const reader = new PublishReader(version, {
    onPublish: take,
    onOther: (bytes, goOn) => take({ other: bytes.toString('hex') }, goOn),
    onLost: (bytes) => seen.push({ lost: bytes.toString('hex') }),
  });
  return { reader, seen };
}

function publish(packet: Partial<IPublishPacket>): IPublishPacket {
  return { cmd: 'publish', topic: 'a/b', payload: Buffer.from('x'), qos: 0, dup: false, retain: false, ...packet };
}

function asReceived({ topic, payload, qos, messageId = 0, dup }: IPublishPacket): ReceivedPublish {
  return { topic, payload: Buffer.from(payload), packetId: qos === 1 ? messageId : 0, dup };
}

const publishes = fc
  .record({
    topic: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((text) => !/[#+\0]/.test(text)),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    qos: fc.constantFrom(0 as const, 1 as const),
    messageId: fc.integer({ min: 1, max: 65_535 }),
    isAgain: fc.boolean(),
    retain: fc.boolean(),
    property: fc.option(fc.string({ maxLength: 200 })),
  })
  .map(({ isAgain, property, ...packet }) =>
    publish({
      ...packet,
      dup: isAgain && packet.qos === 1,
      ...(property === null ? {} : { properties: { contentType: property, userProperties: { origin: property } } }),
    }),
  );
const others = fc.constantFrom<Packet>(
  { cmd: 'pingresp' },
  { cmd: 'connack', sessionPresent: true, reasonCode: 0, returnCode: 0 },
  { cmd: 'suback', messageId: 7, granted: [1, 0] },
  { cmd: 'disconnect', reasonCode: 142 },
);

/** Bytes cut at any places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)).filter((piece) => piece.length > 0);
}

suite('PUBLISH reader', ({ test }) => {
  test('reads what mqtt-packet writes, however it is cut, in order, and hands on the rest as it came', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ arbitrary: publishes, weight: 4 }, { arbitrary: others, weight: 1 }), { maxLength: 20 }),
        fc.array(fc.nat(5_000), { maxLength: 12 }),
        fc.constantFrom(4, 5),
        fc.boolean(),
        async (packets, places, protocolVersion, isHeld) => {
          const written = packets.map((packet) => generate(packet, { protocolVersion }));
          const { reader, seen } = reading(protocolVersion, isHeld ? setImmediate : undefined);
          for (const chunk of cut(Buffer.concat(written), places)) reader.write(chunk);
          const expected = packets.map((packet, index) =>
            packet.cmd === 'publish' ? asReceived(packet) : { other: written[index]?.toString('hex') ?? '' },
          );
          await eventually(() => assert.is(seen.length, expected.length), { everyMs: 1 });
          assert.equal(seen, expected);
        },
      ),
      { numRuns: 300, endOnFailure: true },
    );
  });

  test('reads nothing more, and takes nothing more in, until it may go on', async () => {
    const waiting: (() => void)[] = [];
    const { reader, seen } = reading(5, (goOn) => waiting.push(goOn));
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
    const { reader, seen } = reading(4);
    const packet = publish({ payload: Buffer.alloc(3_000_000, 'large'), qos: 1, messageId: 9 });
    const bytes = generate(packet, { protocolVersion: 4 });
    for (const chunk of cut(
      Buffer.concat([bytes, bytes]),
      Array.from({ length: 90 }, (_, n) => n * 65_536),
    )) {
      reader.write(chunk);
    }
    await eventually(() => assert.is(seen.length, 2));
    assert.equal(seen, [asReceived(packet), asReceived(packet)]);
  });

  test('leaves to MQTT.js what is not as it should be', () => {
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
      assert.equal(seen, [{ other: packet.toString('hex') }, asReceived(good)], what);
    }
  });

  test('gives up once a length is none', () => {
    const { reader, seen } = reading(5);
    const good = generate(publish({}), V5);
    const lost = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01, 0x02]);
    reader.write(Buffer.concat([good, lost, good]));
    reader.write(good);
    assert.equal(seen, [asReceived(publish({})), { lost: Buffer.concat([lost, good]).toString('hex') }]);
  });
});
