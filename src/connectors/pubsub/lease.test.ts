import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { type Lease, Leases } from './lease.ts';
import { ReceivedMessage } from './wire/pull-response.ts';

const TIMES = { ackDeadlineMs: 60_000, maxLeaseMs: 600_000 };
const ids = (leases: readonly Lease[]) => leases.map(({ ackId }) => ackId);

function hold(leases: Leases, ackId: string): Lease {
  const places = { messageIdStart: 0, messageIdEnd: 0, attributesStart: 0, attributesEnd: 0 };
  const time = { publishSeconds: 0, publishNanos: 0, deliveryAttempt: 0 };
  const nothing = Buffer.alloc(0);
  return leases.hold(
    new ReceivedMessage(nothing, { byteLength: 0, ackId, data: nothing, orderingKey: '', ...places, ...time }),
    0,
  );
}

function review(leases: Leases, now: number): { extend: string[]; expired: string[] } {
  const { extend, expired } = leases.review(now);
  return { extend: ids(extend), expired: ids(expired) };
}

suite('leases', ({ test }) => {
  test('keeps a fresh lease, extends an older one, and expires one that ended', () => {
    const leases = new Leases(TIMES);
    hold(leases, 'a');
    assert.equal(review(leases, 24_000), { extend: [], expired: [] });
    assert.equal(review(leases, 24_001), { extend: ['a'], expired: [] });
    assert.equal(review(leases, 60_000), { extend: [], expired: ['a'] });
    assert.is(leases.size, 0);
    assert.equal(review(leases, 90_000), { extend: [], expired: [] }, 'it expires once');
  });

  test('requests an extension once, until it is answered', () => {
    const leases = new Leases(TIMES);
    const lease = hold(leases, 'a');
    assert.equal(review(leases, 30_000).extend, ['a']);
    assert.equal(review(leases, 31_000).extend, []);
    leases.notExtended([lease]);
    assert.equal(review(leases, 32_000).extend, ['a']);
    leases.extended([lease], 32_000);
    assert.is(lease.endsAt, 92_000);
    assert.equal(review(leases, 33_000).extend, []);
    assert.equal(review(leases, 91_999), { extend: ['a'], expired: [] });
  });

  test('an extension that is never confirmed does not keep a lease', () => {
    const leases = new Leases(TIMES);
    hold(leases, 'a');
    review(leases, 30_000);
    assert.equal(review(leases, 60_000).expired, ['a']);
  });

  test('no lease exceeds its maximum, however often it is extended', () => {
    const leases = new Leases(TIMES);
    const lease = hold(leases, 'a');
    for (let now = 30_000; now < 600_000; now += 30_000) leases.extended([lease], now);
    assert.equal(review(leases, 599_999).expired, []);
    assert.equal(review(leases, 600_000).expired, ['a']);
  });

  test('a released lease is forgotten', () => {
    const leases = new Leases(TIMES);
    const lease = hold(leases, 'a');
    hold(leases, 'b');
    leases.release(lease);
    assert.is(leases.size, 1);
    assert.equal([leases.oldestSequence, leases.nextSequence], [1, 2]);
    assert.equal(review(leases, 60_000).expired, ['b']);
    assert.is(leases.oldestSequence, 2, 'nothing is held: the next to come');
  });

  test('holds unreleased leases in order of receipt', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 60 }), (steps) => {
        const leases = new Leases(TIMES);
        const all: Lease[] = [];
        const held = new Set<Lease>();
        for (const step of steps) {
          const known = all[step];
          if (known === undefined) {
            const lease = hold(leases, `${all.length}`);
            all.push(lease);
            held.add(lease);
          } else {
            leases.release(known);
            held.delete(known);
          }
          assert.equal(ids([...leases]), ids([...held]));
          assert.is(leases.size, held.size);
          assert.is(leases.oldestSequence, [...held][0]?.sequence ?? all.length);
        }
      }),
    );
  });

  test('reviewed every second, a lease never ends before its maximum', () => {
    const times = fc.record({
      ackDeadlineMs: fc.integer({ min: 10_000, max: 600_000 }),
      answerMs: fc.integer({ min: 0, max: 3_000 }),
    });
    fc.assert(
      fc.property(times, ({ ackDeadlineMs, answerMs }) => {
        const leases = new Leases({ ackDeadlineMs, maxLeaseMs: 1_000_000 });
        hold(leases, 'a');
        const answers: { at: number; askedAt: number; extend: Lease[] }[] = [];
        for (let now = 1_000; now < 1_000_000; now += 1_000) {
          while (answers[0] !== undefined && answers[0].at <= now) {
            const answer = answers.shift();
            if (answer !== undefined) leases.extended(answer.extend, answer.askedAt);
          }
          const { extend, expired } = leases.review(now);
          assert.equal(ids(expired), [], `expired at ${now}`);
          if (extend.length > 0) answers.push({ at: now + answerMs, askedAt: now, extend });
        }
        assert.is(leases.review(1_000_000).expired.length, 1);
      }),
    );
  });
});
