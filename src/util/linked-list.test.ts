import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { type Linked, LinkedList } from './linked-list.ts';

class Item implements Linked<Item> {
  older: Item | undefined = undefined;
  newer: Item | undefined = undefined;
  isLinked = false;
}

suite('linked list', ({ test }) => {
  test('holds the same as a Set, in the same order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 80 }), (steps) => {
        const items = Array.from({ length: 21 }, () => new Item());
        const list = new LinkedList<Item>();
        const set = new Set<Item>();
        for (const step of steps) {
          const item = items[step] ?? new Item();
          if (set.delete(item)) list.delete(item);
          else {
            list.add(item);
            set.add(item);
          }
          assert.ok([...list].every((each, index) => each === [...set][index]));
          assert.is(list.size, set.size);
          assert.is(list.oldest, [...set][0]);
        }
        for (const item of list) list.delete(item);
        assert.equal([list.size, list.oldest], [0, undefined]);
        assert.ok(items.every(({ older, newer }) => older === undefined && newer === undefined));
      }),
    );
  });

  test('ignores an item that is not in it', () => {
    const list = new LinkedList<Item>();
    const [held, gone] = [new Item(), new Item()];
    list.add(held);
    list.add(gone);
    list.delete(gone);
    list.delete(gone);
    list.delete(new Item());
    assert.equal([...list].length, 1);
    assert.is(list.oldest, held);
  });
});
