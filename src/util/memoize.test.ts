import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { LONGEST_MEMOIZED, memoize } from './memoize.ts';

suite('memoize', ({ test }) => {
  test('calls once per key, and clears the cache at one key too many', () => {
    const asked: string[] = [];
    const length = memoize((text) => {
      asked.push(text);
      return text.length;
    }, 2);
    assert.equal(['a', 'bb', 'a', 'bb', ''].map(length), [1, 2, 1, 2, 0]);
    assert.equal(asked, ['a', 'bb', '']);
    assert.equal(['', 'a'].map(length), [0, 1]);
    assert.equal(asked, ['a', 'bb', '', 'a']);
  });

  test('does not cache a key that is too long', () => {
    let calls = 0;
    const length = memoize((text) => {
      calls += 1;
      return text.length;
    }, 2);
    const longest = 'x'.repeat(LONGEST_MEMOIZED);
    for (const key of [longest, longest, `${longest}y`, `${longest}y`]) assert.is(length(key), key.length);
    assert.is(calls, 3);
  });

  test('calls again after a failure', () => {
    let calls = 0;
    const failing = memoize(() => {
      calls += 1;
      throw new Error('no');
    }, 2);
    assert.throws(() => failing('a'));
    assert.throws(() => failing('a'));
    assert.is(calls, 2);
  });
});
