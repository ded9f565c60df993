import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { deepFreeze } from './values.ts';

suite('deep freeze', ({ test }) => {
  test('freezes objects and lists at every depth, in place', () => {
    const value = { text: 'a', list: [{ inner: { n: 1 } }], nothing: null };
    assert.is(deepFreeze(value), value);
    for (const each of [value, value.list, value.list[0], value.list[0]?.inner]) assert.ok(Object.isFrozen(each));
    assert.throws(() => value.list.push({ inner: { n: 2 } }), TypeError);
    assert.equal(value, { text: 'a', list: [{ inner: { n: 1 } }], nothing: null });
  });

  test('accepts values that cannot be frozen, at any depth', () => {
    for (const value of [undefined, null, 1, 'a', Buffer.from('a')]) assert.is(deepFreeze(value), value);
    const bytes = { raw: Buffer.from('a') };
    assert.ok(Object.isFrozen(deepFreeze(bytes)));
    let nested: object = {};
    for (let depth = 0; depth < 100_000; depth += 1) nested = { nested };
    assert.ok(Object.isFrozen(deepFreeze(nested)));
  });
});
