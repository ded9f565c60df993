import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { Ring } from './ring.ts';

suite('ring', ({ test }) => {
  test('keeps the latest entries, and returns those after a count', () => {
    const ring = new Ring<string>(3);
    assert.equal(ring.since(), []);
    for (const entry of ['a', 'b']) ring.push(entry);
    assert.equal(ring.since(), ['a', 'b']);
    for (const entry of ['c', 'd', 'e']) ring.push(entry);
    assert.is(ring.count, 5);
    assert.equal(ring.since(), ['c', 'd', 'e']);
    assert.equal(ring.since(1), ['c', 'd', 'e'], 'what was overwritten is gone');
    assert.equal(ring.since(4), ['e']);
    assert.equal(ring.since(5), []);
  });
});
