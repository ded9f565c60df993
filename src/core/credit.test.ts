import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { Credit } from './credit.ts';

function starvations(credit: Credit): { count: number } {
  const seen = { count: 0 };
  credit.starvation.subscribe(() => {
    seen.count += 1;
  });
  return seen;
}

suite('credit', ({ test }) => {
  test('gives out messages up to its limit', () => {
    const credit = new Credit({ maxMessages: 2, maxBytes: 100 });
    assert.equal([credit.tryTake(1), credit.tryTake(1), credit.tryTake(1)], [true, true, false]);
    assert.is(credit.messages, 2);
    assert.is(credit.bytes, 2);
    assert.is(credit.peakMessages, 2);
  });

  test('gives out bytes up to its limit, exactly', () => {
    const credit = new Credit({ maxMessages: 10, maxBytes: 100 });
    assert.ok(credit.tryTake(60));
    assert.not(credit.tryTake(41));
    assert.ok(credit.tryTake(40));
    assert.not(credit.tryTake(1));
  });

  test('admits one oversized message, alone', () => {
    const credit = new Credit({ maxMessages: 10, maxBytes: 100 });
    assert.ok(credit.tryTake(1));
    assert.not(credit.tryTake(1_000), 'next to another message');
    credit.release(1);
    assert.ok(credit.tryTake(1_000));
    assert.not(credit.tryTake(1), 'next to the oversized one');
    credit.release(1_000);
    assert.is(credit.bytes, 0);
  });

  test('is starved once all messages are taken, before one is refused', () => {
    const credit = new Credit({ maxMessages: 2, maxBytes: 100 });
    const seen = starvations(credit);
    credit.tryTake(1);
    assert.not(credit.starved);
    credit.tryTake(1);
    assert.ok(credit.starved);
    assert.is(seen.count, 1);
  });

  test('is starved once a message does not fit, and emits it once', () => {
    const credit = new Credit({ maxMessages: 10, maxBytes: 100 });
    const seen = starvations(credit);
    credit.tryTake(90);
    assert.not(credit.starved);
    credit.tryTake(20);
    credit.tryTake(20);
    assert.ok(credit.starved);
    assert.is(seen.count, 1);
  });

  test('is not starved after a release, and can be starved again', () => {
    const credit = new Credit({ maxMessages: 1, maxBytes: 100 });
    const seen = starvations(credit);
    credit.tryTake(1);
    credit.release(1);
    assert.not(credit.starved);
    credit.tryTake(1);
    assert.ok(credit.starved);
    assert.is(seen.count, 2);
  });

  test('emits each release, after the credit is back', () => {
    const credit = new Credit({ maxMessages: 1, maxBytes: 100 });
    const took: boolean[] = [];
    credit.tryTake(5);
    credit.released.subscribe(() => took.push(credit.tryTake(5)));
    credit.release(5);
    assert.equal(took, [], 'no source had been refused');
    credit.tryTake(5);
    assert.not(credit.tryTake(5));
    credit.release(5);
    assert.equal(took, [true]);
  });

  test('property: stays within the limits, except for a single message', () => {
    const step = fc.oneof(fc.nat({ max: 150 }), fc.constant('release' as const));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (maxMessages, steps) => {
        const credit = new Credit({ maxMessages, maxBytes: 100 });
        const held: number[] = [];
        let peak = 0;
        for (const each of steps) {
          if (each === 'release') {
            const bytes = held.shift();
            if (bytes !== undefined) credit.release(bytes);
          } else if (credit.tryTake(each)) held.push(each);
          else assert.ok(credit.starved, 'a source was refused without a notification');
          peak = Math.max(peak, held.length);
          assert.is(credit.messages, held.length);
          assert.is(
            credit.bytes,
            held.reduce((sum, bytes) => sum + bytes, 0),
          );
          assert.is(credit.peakMessages, peak);
          assert.ok(held.length <= maxMessages);
          assert.ok(credit.bytes <= 100 || held.length === 1);
          if (held.length === maxMessages) assert.ok(credit.starved);
        }
      }),
    );
  });
});
