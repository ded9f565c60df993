import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { editDistance } from './edit-distance.ts';

// cspell:ignore tpoic litsen
suite('edit distance', ({ test }) => {
  test('counts insertions, deletions, replacements and swaps', () => {
    for (const [one, other, distance] of [
      ['', '', 0],
      ['topic', 'topic', 0],
      ['tpoic', 'topic', 1],
      ['topics', 'topic', 1],
      ['tonic', 'topic', 1],
      ['', 'abc', 3],
      ['listen', 'litsen', 1],
      ['kitten', 'sitting', 3],
    ] as const) {
      assert.is(editDistance(one, other), distance, `${one} ${other}`);
    }
    assert.is(editDistance('kitten', 'sitting', 2), 2, 'no further than asked');
  });

  test('is the same both ways, and 0 only for equal texts', () => {
    const text = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const distance = editDistance(one, other);
        assert.is(distance, editDistance(other, one));
        assert.is(distance === 0, one === other);
        assert.ok(distance <= Math.max(one.length, other.length));
      }),
    );
  });
});
