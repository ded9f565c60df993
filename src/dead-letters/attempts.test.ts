import * as assert from 'uvu/assert';
import type { PoisonReason } from '../core/errors.ts';
import { suite } from '../testing/suite.ts';
import { Attempts } from './attempts.ts';

const tries = (attempts: Attempts, id: string | undefined, reasons: readonly PoisonReason[]) =>
  reasons.map((reason) => {
    const { attempt, isLast } = attempts.failed(id, reason);
    return `${attempt}${isLast ? ' last' : ''}`;
  });

suite('attempts', ({ test }) => {
  test('failures that can be fixed end at the limit, per message', () => {
    const attempts = new Attempts(3);
    assert.equal(tries(attempts, 'a', ['hook_failed', 'rejected']), ['1', '2']);
    assert.equal(tries(attempts, 'b', ['no_data', 'internal', 'no_data']), ['1', '2', '3 last']);
    assert.equal(tries(attempts, 'a', ['hook_failed']), ['3 last']);
    assert.equal(tries(attempts, 'a', ['hook_failed']), ['4 last'], 'redelivered after its dead letter');
  });

  test('other failures end immediately', () => {
    for (const reason of ['undecodable', 'unroutable', 'too_large', 'no_key'] as const) {
      assert.equal(tries(new Attempts(100), 'a', [reason]), ['1 last'], reason);
    }
    assert.equal(tries(new Attempts(100), 'a', ['rejected', 'too_large']), ['1', '2 last']);
  });

  test('without further attempts or an id, the first failure is the last', () => {
    assert.equal(tries(new Attempts(1), 'a', ['rejected', 'rejected']), ['1 last', '1 last']);
    assert.equal(tries(new Attempts(5), undefined, ['rejected', 'rejected']), ['1 last', '1 last']);
  });

  test('are bounded: the oldest failures are forgotten', () => {
    const attempts = new Attempts(2);
    attempts.failed('first', 'rejected');
    for (let index = 0; index < 100_000; index += 1) attempts.failed(`m${index}`, 'rejected');
    assert.equal(tries(attempts, 'first', ['rejected']), ['1']);
    assert.equal(tries(attempts, 'm99999', ['rejected']), ['2 last']);
  });
});
