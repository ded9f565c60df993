import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { OutgoingQueue } from './outgoing-queue.ts';

const message = (brokerCounter: number, messageId?: number) => ({ brokerId: 'broker', brokerCounter, messageId });

suite("The messages of the sandbox's MQTT sessions", ({ test }) => {
  test('a message is removed by its packet id, whatever waits before it', () => {
    const queue = new OutgoingQueue();
    for (const counter of [1, 2, 3]) queue.add(message(counter));
    assert.ok(queue.update(message(2, 7)));
    assert.is(queue.remove(8), undefined);
    assert.equal(queue.remove(7), message(2, 7));
    assert.is(queue.remove(7), undefined);
    assert.not(queue.update(message(2, 9)));
    assert.equal(queue.list(), [message(1), message(3)]);
  });

  test('a PUBREL replaces its message until the response', () => {
    const queue = new OutgoingQueue();
    for (const counter of [1, 2]) queue.add(message(counter));
    queue.update(message(1, 7));
    assert.not(queue.update({ messageId: 8 }));
    assert.ok(queue.update({ messageId: 7 }));
    assert.equal(queue.list(), [{ messageId: 7 }, message(2)]);
    assert.equal(queue.remove(7), { messageId: 7 });
    assert.equal(queue.list(), [message(2)]);
  });

  test('packet ids of an earlier connection remove nothing', () => {
    const queue = new OutgoingQueue();
    queue.add(message(1));
    queue.update(message(1, 7));
    queue.forgetPacketIds();
    assert.is(queue.remove(7), undefined);
    assert.equal(queue.list(), [message(1)]);
    assert.ok(queue.update(message(1, 8)));
    assert.equal(queue.remove(8), message(1, 8));
  });
});
