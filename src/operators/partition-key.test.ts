import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { PartitionKey } from './batcher.ts';

suite('partition key', ({ test }) => {
  test('ids are equal exactly for equal fields, whatever they contain', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '1', ' ', '\n', '/'), maxLength: 4 });
    fc.assert(
      fc.property(text, text, text, text, (target, group, otherTarget, otherGroup) => {
        const isSame = target === otherTarget && group === otherGroup;
        assert.is(new PartitionKey(target, group).id === new PartitionKey(otherTarget, otherGroup).id, isSame);
      }),
      { numRuns: 2_000 },
    );
  });
});
