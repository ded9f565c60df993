import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { testContext } from '../../testing/test-context.ts';
import { MqttAckHandle, PubackQueue } from './puback-queue.ts';
import { NO_PROPERTIES } from './wire/publish-properties.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

const context = testContext();
const SETTLEMENTS = { completed: () => {}, givenBack: () => {} };
function packet(packetId: number, text: string): ReceivedPublish {
  const flags = { dup: true, retain: false };
  const payload = Buffer.from(text);
  return { topic: 't', payload, packetId, ...flags, ...NO_PROPERTIES, byteLength: text.length };
}

/** A queue and a connection, as the source uses them. */
class Receiver {
  readonly queue: PubackQueue;
  connection = 1;

  constructor(order: 'strict' | 'asCompleted') {
    this.queue = new PubackQueue(order === 'strict');
  }

  receive(packetId: number, text = `payload ${packetId}`): MqttAckHandle {
    const ackHandle = new MqttAckHandle(
      context,
      packet(packetId, text),
      { mqtt_topic: 't' },
      this.connection,
      SETTLEMENTS,
    );
    this.queue.received(ackHandle);
    return ackHandle;
  }

  reattach(packetId: number, text = `payload ${packetId}`, more: Partial<ReceivedPublish> = {}): boolean {
    return this.queue.reattach({ ...packet(packetId, text), ...more }, this.connection);
  }

  complete(...ackHandles: MqttAckHandle[]): void {
    for (const ackHandle of ackHandles) this.queue.completed(ackHandle, this.connection);
  }

  reconnect(): void {
    this.queue.disconnected();
    this.connection += 1;
  }

  /** Returns the packet ids that are acknowledged now. */
  take(): number[] {
    const bytes = this.queue.take() ?? Buffer.alloc(0);
    const ids: number[] = [];
    for (let at = 0; at < bytes.length; at += 4) {
      assert.equal([bytes[at], bytes[at + 1]], [0x40, 2], 'a PUBACK of two bytes');
      ids.push(bytes.readUInt16BE(at + 2));
    }
    return ids;
  }
}

suite('puback queue', ({ test }) => {
  test('strict: in the order of receipt, whatever the order of completion', () => {
    const receiver = new Receiver('strict');
    const [one, two, three] = [receiver.receive(1), receiver.receive(2), receiver.receive(3)];
    receiver.complete(three, two);
    assert.equal(receiver.take(), []);
    assert.is(receiver.queue.waiting, 2);
    receiver.complete(one);
    assert.equal(receiver.take(), [1, 2, 3]);
    assert.equal([receiver.queue.waiting, receiver.queue.size], [0, 0]);
  });

  test('asCompleted: in the order of completion', () => {
    const receiver = new Receiver('asCompleted');
    const [one, two, three] = [receiver.receive(1), receiver.receive(2), receiver.receive(3)];
    receiver.complete(three, one);
    assert.equal(receiver.take(), [3, 1]);
    assert.is(receiver.queue.waiting, 0);
    receiver.complete(two);
    assert.equal(receiver.take(), [2]);
    assert.is(receiver.queue.take(), undefined);
  });

  test('packet ids have two bytes', () => {
    const receiver = new Receiver('strict');
    receiver.complete(receiver.receive(255), receiver.receive(256), receiver.receive(65_535));
    assert.equal(receiver.take(), [255, 256, 65_535]);
  });

  test('a packet id is free again once its PUBACK is written', () => {
    for (const order of ['strict', 'asCompleted'] as const) {
      const receiver = new Receiver(order);
      for (let round = 0; round < 3; round += 1) {
        assert.not(receiver.reattach(7), 'a new message');
        receiver.complete(receiver.receive(7));
        assert.equal(receiver.take(), [7]);
      }
    }
  });

  test('a redelivery after a reconnect attaches to the work in progress, and is acknowledged once', () => {
    for (const order of ['strict', 'asCompleted'] as const) {
      const receiver = new Receiver(order);
      const [one, two] = [receiver.receive(1), receiver.receive(2)];
      receiver.complete(two);
      receiver.reconnect();
      assert.equal(receiver.take(), [], 'nothing is due on the new connection yet');
      assert.ok(receiver.reattach(1));
      assert.ok(receiver.reattach(2));
      assert.equal(receiver.take(), order === 'strict' ? [] : [2]);
      receiver.complete(one);
      assert.equal(receiver.take(), order === 'strict' ? [1, 2] : [1]);
      assert.is(receiver.queue.size, 0);
    }
  });

  test('a message completed after a reconnect waits until the broker resends it', () => {
    for (const order of ['strict', 'asCompleted'] as const) {
      const receiver = new Receiver(order);
      const one = receiver.receive(1);
      receiver.reconnect();
      receiver.complete(one);
      assert.equal(receiver.take(), []);
      assert.ok(receiver.reattach(1));
      assert.equal(receiver.take(), [1]);
    }
  });

  test('another message under a known packet id is new, and the old one cannot acknowledge it', () => {
    for (const order of ['strict', 'asCompleted'] as const) {
      const receiver = new Receiver(order);
      const old = receiver.receive(1);
      receiver.reconnect();
      assert.not(receiver.reattach(1, 'other payload'));
      assert.not(receiver.reattach(1, undefined, { topic: 'other' }));
      assert.not(receiver.reattach(1, undefined, { whole: { byteLength: 99, sha256: 'of more than is kept' } }));
      const fresh = receiver.receive(1, 'other payload');
      receiver.complete(old);
      assert.equal(receiver.take(), []);
      receiver.complete(fresh);
      assert.equal(receiver.take(), [1]);
    }
  });

  test('a duplicate over the same connection attaches if it has DUP set', () => {
    const receiver = new Receiver('strict');
    const one = receiver.receive(1);
    assert.ok(receiver.reattach(1, undefined, { dup: true }));
    assert.not(receiver.reattach(1, undefined, { dup: false }));
    receiver.complete(one);
    assert.equal(receiver.take(), [1], 'and acknowledged once');
  });

  test('a returned message is never acknowledged, and delays nothing', () => {
    for (const order of ['strict', 'asCompleted'] as const) {
      const receiver = new Receiver(order);
      const [one, two] = [receiver.receive(1), receiver.receive(2)];
      receiver.complete(two);
      receiver.queue.forget(one);
      assert.equal(receiver.take(), [2]);
      receiver.reconnect();
      assert.not(receiver.reattach(1), 'it is delivered anew');
    }
  });

  test('a completed message that is not resent is forgotten; one in progress is not', () => {
    const receiver = new Receiver('strict');
    const [done, running] = [receiver.receive(1), receiver.receive(2)];
    receiver.reconnect();
    receiver.complete(done);
    receiver.queue.forgetBefore(receiver.connection);
    assert.is(receiver.queue.size, 1);
    assert.not(receiver.reattach(1), 'it is delivered anew');
    assert.ok(receiver.reattach(2));
    receiver.complete(running);
    assert.equal(receiver.take(), [2]);
  });

  test('a message in progress that is not resent is forgotten on completion', () => {
    for (const order of ['strict', 'asCompleted'] as const) {
      const receiver = new Receiver(order);
      const running = receiver.receive(1);
      receiver.reconnect();
      const next = receiver.receive(2);
      receiver.queue.forgetBefore(receiver.connection);
      assert.is(receiver.queue.size, 2);
      receiver.complete(running);
      assert.is(receiver.queue.size, 1);
      assert.equal(receiver.take(), [], 'its packet id means nothing over this connection');
      receiver.complete(next);
      assert.equal(receiver.take(), [2]);
      assert.is(receiver.queue.size, 0);
    }
  });

  test('a lost session forgets its messages, and returns those that owed a PUBACK', () => {
    const receiver = new Receiver('strict');
    const [one, two] = [receiver.receive(1), receiver.receive(2)];
    receiver.complete(two);
    receiver.reconnect();
    // A broker may send messages of the new session before it reports that the old one is lost.
    const three = receiver.receive(3);
    assert.equal(receiver.queue.sessionLost(receiver.connection), [one, two]);
    assert.equal([receiver.queue.size, receiver.queue.waiting], [1, 0]);
    assert.not(receiver.reattach(1));
    receiver.complete(one);
    assert.equal(receiver.take(), []);
    receiver.complete(three);
    assert.equal(receiver.take(), [3]);
  });

  test('any order of events: each PUBACK once per connection, in order if strict, none before completion', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant('receive' as const) },
      { weight: 4, arbitrary: fc.nat(5) },
      { weight: 2, arbitrary: fc.constantFrom('take', 'reconnect') },
    );
    fc.assert(
      fc.property(fc.constantFrom('strict', 'asCompleted'), fc.array(step, { maxLength: 120 }), (order, steps) => {
        const receiver = new Receiver(order);
        /** The broker's view: sent and unacknowledged, in order. */
        const unacknowledged: { packetId: number; ackHandle: MqttAckHandle }[] = [];
        let nextId = 0;
        let received = 0;
        const take = () => {
          const ids = receiver.take();
          for (const id of ids) {
            const at = unacknowledged.findIndex(({ packetId }) => packetId === id);
            assert.ok(at >= 0, `${id} is owed no PUBACK`);
            if (order === 'strict') assert.is(at, 0, 'out of order');
            assert.ok(unacknowledged[at]?.ackHandle.done);
            unacknowledged.splice(at, 1);
          }
        };
        for (const each of steps) {
          if (each === 'receive') {
            const used = new Set(unacknowledged.map(({ packetId }) => packetId));
            if (used.size === 8) continue;
            do nextId = (nextId % 8) + 1;
            while (used.has(nextId));
            received += 1;
            unacknowledged.push({
              packetId: nextId,
              ackHandle: receiver.receive(nextId, `message ${received}`),
            });
          } else if (typeof each === 'number') {
            const found = unacknowledged[each];
            if (found !== undefined && !found.ackHandle.done) receiver.complete(found.ackHandle);
          } else if (each === 'take') take();
          else {
            receiver.reconnect();
            for (const { packetId, ackHandle } of unacknowledged) {
              assert.ok(receiver.reattach(packetId, Buffer.from(ackHandle.original.data).toString()));
            }
          }
          assert.is(receiver.queue.size, unacknowledged.length);
        }
        receiver.complete(
          ...unacknowledged.filter(({ ackHandle }) => !ackHandle.done).map(({ ackHandle }) => ackHandle),
        );
        take();
        assert.equal(unacknowledged, [], 'a PUBACK is missing');
      }),
      { numRuns: 1_000 },
    );
  });
});
