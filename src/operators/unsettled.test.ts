import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Delivery } from '../core/delivery.ts';
import { suite } from '../testing/suite.ts';
import { testContext, testDelivery } from '../testing/test-context.ts';
import { Unsettled } from './unsettled.ts';

suite('what of a batch is unsettled', ({ test }) => {
  test('is a set, in whatever order outcomes come, and how often', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.array(fc.nat(14)), fc.boolean(), (count, asked, inOrder) => {
        const context = testContext();
        const all = Array.from({ length: 15 }, () => testDelivery(context));
        const items = all.slice(0, count).map((delivery) => ({ delivery }));
        const unsettled = new Unsettled(items);
        const expected = new Set<Delivery>(items.map(({ delivery }) => delivery));
        for (const index of inOrder ? asked.toSorted((one, other) => one - other) : asked) {
          const delivery = all[index] ?? testDelivery(context);
          assert.is(unsettled.delete(delivery), expected.delete(delivery));
          assert.is(unsettled.isEmpty, expected.size === 0);
        }
        const drained = unsettled.drain();
        assert.is(drained.length, expected.size);
        assert.ok(drained.every((delivery) => expected.has(delivery)));
        assert.ok(unsettled.isEmpty);
      }),
    );
  });

  test('is drained in order, once', () => {
    const context = testContext();
    const [a, b, c] = [testDelivery(context), testDelivery(context), testDelivery(context)];
    const items = [{ delivery: a }, { delivery: b }, { delivery: c }];
    for (const [gone, left] of [
      [[a], [b, c]],
      [[b], [a, c]],
      [[a, c], [b]],
    ] as const) {
      const unsettled = new Unsettled(items);
      for (const delivery of gone) assert.ok(unsettled.delete(delivery));
      const drained = unsettled.drain();
      assert.is(drained.length, left.length);
      for (const [index, delivery] of left.entries()) assert.is(drained[index], delivery);
      assert.ok(unsettled.isEmpty);
      assert.equal(unsettled.drain(), []);
    }
  });
});
