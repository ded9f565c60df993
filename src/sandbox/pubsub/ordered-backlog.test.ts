import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { type Consumer, Entry } from './entry.ts';
import { OrderedBacklog } from './ordered-backlog.ts';

const published = { bytes: Buffer.alloc(0), publishTimeMs: 0, firstId: 0 };
const owner = { due: () => {} };

const consumer = (): Consumer => ({
  wants: true,
  ackDeadlineMs: 0,
  add: () => {},
  flush: () => {},
  settled: () => {},
  end: () => {},
});

function backlogOf(...keys: string[]): { backlog: OrderedBacklog; entries: Entry[] } {
  const backlog = new OrderedBacklog();
  const entries = keys.map(
    (orderingKey, index) => new Entry({ published, index, start: 0, end: 0, orderingKey }, owner),
  );
  for (const entry of entries) backlog.add(entry);
  return { backlog, entries };
}

/** Takes all there is for a consumer, as the messages' numbers. */
function drain(backlog: OrderedBacklog, who: Consumer): number[] {
  const taken: number[] = [];
  for (let entry = backlog.take(who); entry !== undefined; entry = backlog.take(who)) taken.push(entry.message.index);
  return taken;
}

const at = (entries: Entry[], index: number): Entry => {
  const entry = entries[index];
  if (entry === undefined) throw new Error(`no entry ${index}`);
  return entry;
};

suite('OrderedBacklog', ({ test }) => {
  test('keeps the order within each key', () => {
    const { backlog } = backlogOf('a', 'b', 'a', 'b', 'a', '');
    const taken = drain(backlog, consumer());
    assert.equal(
      taken.filter((index) => [0, 2, 4].includes(index)),
      [0, 2, 4],
    );
    assert.equal(
      taken.filter((index) => [1, 3].includes(index)),
      [1, 3],
    );
    assert.is(taken.length, 6);
    assert.is(backlog.size, 0);
  });

  test('a key stays with its consumer while one of its messages is outstanding', () => {
    const { backlog, entries } = backlogOf('a', 'a');
    const [one, other] = [consumer(), consumer()];
    assert.is(backlog.take(one), entries[0]);
    assert.is(backlog.take(other), undefined);
    backlog.done(at(entries, 0));
    assert.is(backlog.take(other), entries[1]);
  });

  test('one that comes back brings its successors, even acknowledged ones, in order', () => {
    const { backlog, entries } = backlogOf('a', 'a', 'a', 'a', 'b');
    const one = consumer();
    drain(backlog, one);
    backlog.done(at(entries, 2));
    assert.equal(backlog.giveBack(at(entries, 1), false, false), [entries[2], entries[3]]);
    assert.equal(drain(backlog, consumer()), []);
    assert.equal(drain(backlog, one), [1, 2, 3]);
  });

  test('with exactly-once delivery acknowledged successors stay away', () => {
    const { backlog, entries } = backlogOf('a', 'a', 'a');
    const one = consumer();
    drain(backlog, one);
    backlog.done(at(entries, 1));
    backlog.giveBack(at(entries, 0), false, true);
    assert.equal(drain(backlog, one), [0, 2]);
  });

  test('a held message holds its key, and no other', () => {
    const { backlog, entries } = backlogOf('a', 'a', 'b');
    const one = consumer();
    drain(backlog, one);
    backlog.giveBack(at(entries, 1), true, false);
    backlog.giveBack(at(entries, 0), true, false);
    backlog.resume(at(entries, 1));
    assert.equal(drain(backlog, one), []);
    backlog.resume(at(entries, 0));
    assert.equal(drain(backlog, one), [0, 1]);
  });

  test('a dead letter leaves its successors where they are', () => {
    const { backlog, entries } = backlogOf('a', 'a', 'a');
    const one = consumer();
    drain(backlog, one);
    backlog.drop(at(entries, 1));
    assert.equal(backlog.giveBack(at(entries, 0), false, false), [entries[2]]);
    assert.equal(drain(backlog, one), [0, 2]);
  });
});
