import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { type Batch, Batcher, type BatchItem, type BatchLimits, PartitionKey } from './batcher.ts';

const LIMITS: BatchLimits = { maxCount: 3, maxBytes: 100, maxAgeMs: 50, maxOpen: 2 };

interface NamedItem extends BatchItem {
  readonly name: string;
}

const context = testContext();
const delivery: Delivery = testDelivery(context);
/** Keys that start with `s` are serial. Creates a new object each time, since keys are compared by their fields. */
const keyOf = (name: string) => new PartitionKey('target', name, name.startsWith('s'));
const item = (key: string, name: string, bytes = 1): NamedItem => ({ delivery, key: keyOf(key), bytes, name });

function batcher(limits: Partial<BatchLimits> = {}) {
  return new Batcher<NamedItem>({ ...LIMITS, ...limits });
}

function add(batches: Batcher<NamedItem>, one: NamedItem, now: number): boolean {
  return batches.add(one, () => now);
}

/** `a: 1 2 (count)` */
function shown(batch: Batch<NamedItem> | undefined): string {
  if (batch === undefined) return 'none';
  return `${batch.key.group}: ${batch.items.map(({ name }) => name).join(' ')} (${batch.reason})`;
}

suite('batcher', ({ test }) => {
  test('an open batch stays until it is old', () => {
    const batches = batcher();
    assert.ok(add(batches, item('a', '1'), 0), 'now there is something that becomes due');
    assert.not.ok(add(batches, item('a', '2'), 10), 'changes nothing');
    assert.is(batches.nextDueAt, 50);
    assert.is(shown(batches.take(49, undefined)), 'none');
    assert.is(shown(batches.take(50, undefined)), 'a: 1 2 (age)');
    assert.is(batches.nextDueAt, undefined);
    assert.ok(batches.isEmpty);
  });

  test('the oldest leaves first, and a flushed key starts a new batch', () => {
    const batches = batcher();
    add(batches, item('a', '1'), 0);
    add(batches, item('b', '2'), 1);
    assert.is(shown(batches.take(90, undefined)), 'a: 1 (age)');
    add(batches, item('a', '3'), 90);
    assert.is(shown(batches.take(90, undefined)), 'b: 2 (age)');
    assert.is(batches.nextDueAt, 140);
  });

  test('is full by count', () => {
    const batches = batcher();
    const changes = ['1', '2', '3', '4'].map((name) => add(batches, item('a', name), 0));
    assert.equal(changes, [true, false, true, true]);
    assert.is(shown(batches.take(0, undefined)), 'a: 1 2 3 (count)');
    assert.is(shown(batches.take(0, undefined)), 'none');
    assert.is(batches.openCount, 1);
  });

  test('is full by bytes: before the item that does not fit, or with the one that just does', () => {
    const batches = batcher();
    add(batches, item('a', '1', 60), 0);
    add(batches, item('a', '2', 41), 0);
    const first = batches.take(0, undefined);
    assert.is(shown(first), 'a: 1 (bytes)');
    assert.is(first?.bytes, 60);
    add(batches, item('a', '3', 59), 0);
    assert.is(shown(batches.take(0, undefined)), 'a: 2 3 (bytes)');
  });

  test('an oversized item forms its own batch', () => {
    const batches = batcher();
    add(batches, item('a', '1'), 0);
    add(batches, item('a', 'big', 500), 0);
    add(batches, item('a', '2'), 0);
    assert.is(shown(batches.take(0, undefined)), 'a: 1 (bytes)');
    assert.is(shown(batches.take(0, undefined)), 'a: big (bytes)');
    assert.is(shown(batches.take(0, undefined)), 'none');
  });

  test('one key too many seals the fullest batch', () => {
    const batches = batcher();
    add(batches, item('a', '1'), 0);
    add(batches, item('b', '2'), 0);
    add(batches, item('b', '3'), 0);
    add(batches, item('c', '4'), 0);
    assert.is(batches.openCount, 2);
    assert.is(shown(batches.take(0, undefined)), 'b: 2 3 (crowded)');
    assert.is(shown(batches.take(0, undefined)), 'none');
  });

  test('pressure takes the fullest, completion the oldest; old and full batches come first', () => {
    const batches = batcher({ maxOpen: 9 });
    add(batches, item('a', '1'), 0);
    add(batches, item('b', '2'), 0);
    add(batches, item('b', '3'), 0);
    assert.is(shown(batches.take(1, 'pressure')), 'b: 2 3 (pressure)');
    add(batches, item('c', '4'), 40);
    add(batches, item('d', '5', 100), 40);
    assert.is(shown(batches.take(50, 'pressure')), 'd: 5 (bytes)');
    assert.is(shown(batches.take(50, 'pressure')), 'a: 1 (age)');
    assert.is(shown(batches.take(50, 'completion')), 'c: 4 (completion)');
    assert.is(shown(batches.take(50, 'completion')), 'none');
  });

  test('a serial key has one batch out at a time, even under pressure', () => {
    const batches = batcher();
    for (const name of ['1', '2', '3', '4', '5', '6', '7']) add(batches, item('sa', name), 0);
    add(batches, item('sb', '8'), 0);
    assert.is(shown(batches.take(0, undefined)), 'sa: 1 2 3 (count)');
    assert.is(batches.nextDueAt, 50, 'of b: the open batch of a may not go');
    assert.is(shown(batches.take(99, 'pressure')), 'sb: 8 (age)');
    for (const pressing of [undefined, 'pressure', 'completion'] as const) {
      assert.is(shown(batches.take(99, pressing)), 'none');
    }
    assert.not(batches.isEmpty);
    batches.returned(keyOf('sa'));
    assert.is(shown(batches.take(99, undefined)), 'sa: 4 5 6 (count)');
    assert.is(shown(batches.take(99, undefined)), 'none');
    batches.returned(keyOf('sa'));
    assert.is(shown(batches.take(99, undefined)), 'sa: 7 (age)');
    batches.returned(keyOf('sa'));
    batches.returned(keyOf('sb'));
    assert.ok(batches.isEmpty);
  });

  test('pressure passes over the fullest batch, if its serial key is out', () => {
    const batches = batcher();
    add(batches, item('sa', '1'), 0);
    assert.is(shown(batches.take(0, 'pressure')), 'sa: 1 (pressure)');
    for (const name of ['2', '3']) add(batches, item('sa', name), 0);
    add(batches, item('sb', '4'), 0);
    assert.is(shown(batches.take(0, 'pressure')), 'sb: 4 (pressure)');
    assert.is(shown(batches.take(0, 'pressure')), 'none');
  });

  test('drains what waits for a key, in order; its next batch may leave once the key is back', () => {
    const batches = batcher();
    for (const name of ['1', '2', '3', '4', '5', '6', '7']) add(batches, item('sa', name), 0);
    add(batches, item('sb', '8'), 0);
    assert.is(shown(batches.take(0, undefined)), 'sa: 1 2 3 (count)');
    assert.equal(
      batches.drain(keyOf('sa')).map(({ name }) => name),
      ['4', '5', '6', '7'],
    );
    assert.equal(batches.drain(keyOf('sa')), []);
    add(batches, item('sa', '9'), 0);
    assert.is(shown(batches.take(0, 'completion')), 'sb: 8 (completion)');
    assert.is(shown(batches.take(0, 'completion')), 'none');
    batches.returned(keyOf('sa'));
    assert.is(shown(batches.take(0, 'completion')), 'sa: 9 (completion)');
  });

  test('property: every item leaves once, in order within its key, within the limits', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c', 's1', 's2'), bytes: fc.nat(120) }) },
      { weight: 2, arbitrary: fc.constantFrom('take', 'press', 'return') },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const batches = batcher();
        const added = new Map<string, string[]>();
        const left = new Map<string, string[]>();
        const out: string[] = [];
        let now = 0;
        const take = (pressing: 'pressure' | 'completion' | undefined): boolean => {
          const batch = batches.take(now, pressing);
          if (batch === undefined) return false;
          assert.ok(batch.items.length > 0 && batch.items.length <= LIMITS.maxCount);
          assert.is(
            batch.bytes,
            batch.items.reduce((sum, { bytes }) => sum + bytes, 0),
          );
          assert.ok(batch.bytes <= LIMITS.maxBytes || batch.items.length === 1);
          assert.ok(!batch.key.isSerial || !out.includes(batch.key.group), 'two batches of a serial key are out');
          out.push(batch.key.group);
          left.set(batch.key.group, [...(left.get(batch.key.group) ?? []), ...batch.items.map(({ name }) => name)]);
          return true;
        };
        const giveBack = (): void => {
          const key = out.shift();
          if (key !== undefined) batches.returned(keyOf(key));
        };
        for (const each of steps) {
          now += 7;
          if (each === 'take') take(undefined);
          else if (each === 'press') take('pressure');
          else if (each === 'return') giveBack();
          else if (typeof each === 'object') {
            const names = added.get(each.key) ?? [];
            added.set(each.key, [...names, `${names.length}`]);
            add(batches, item(each.key, `${names.length}`, each.bytes), now);
          }
          assert.ok(batches.openCount <= LIMITS.maxOpen);
        }
        while (take('completion') || out.length > 0) giveBack();
        assert.ok(batches.isEmpty);
        assert.equal(left, added);
      }),
      { numRuns: 1_000 },
    );
  });
});
