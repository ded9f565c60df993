import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { InsertIds } from './insert-ids.ts';

suite('InsertIds', ({ test }) => {
  test('an id is known for at least a minute, and forgotten after two', () => {
    const ids = new InsertIds();
    assert.is(ids.add('a', 1000), true);
    assert.is(ids.add('a', 1000), false);
    assert.is(ids.add('b', 60_999), true);
    assert.is(ids.add('a', 61_000), false);
    assert.is(ids.add('b', 120_998), false);
    assert.is(ids.add('a', 121_001), true);
  });

  test('a long pause forgets everything', () => {
    const ids = new InsertIds();
    ids.add('a', 0);
    assert.is(ids.add('a', 120_001), true);
  });

  test('at most two generations are kept', () => {
    const ids = new InsertIds(2);
    for (const id of ['a', 'b', 'c', 'd', 'e']) ids.add(id, 0);
    assert.is(ids.add('d', 0), false);
    assert.is(ids.add('a', 0), true);
  });
});
