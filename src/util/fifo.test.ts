import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { Fifo } from './fifo.ts';

suite('Fifo', ({ test }) => {
  test('behaves like an array', () => {
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.constant('push' as const) },
      { weight: 5, arbitrary: fc.constant('shift' as const) },
      { weight: 1, arbitrary: fc.constantFrom('drain' as const, 'remove' as const) },
    );
    fc.assert(
      fc.property(fc.array(operation, { size: '+2' }), (operations) => {
        const fifo = new Fifo<number>();
        let model: number[] = [];
        for (const [value, what] of operations.entries()) {
          if (what === 'push') {
            fifo.push(value);
            model.push(value);
          } else if (what === 'shift') assert.is(fifo.shift(), model.shift());
          else if (what === 'drain') {
            assert.equal(fifo.drain(), model);
            model = [];
          } else {
            const isThird = (each: number) => each % 3 === 0;
            assert.equal(fifo.remove(isThird), model.filter(isThird));
            model = model.filter((each) => each % 3 !== 0);
          }
          assert.is(fifo.length, model.length);
          assert.is(fifo.peek(), model[0]);
        }
      }),
    );
  });

  test('frees the places at its head even if it never empties', () => {
    const fifo = new Fifo<number>();
    for (let index = 0; index < 10; index += 1) fifo.push(index);
    for (let index = 10; index < 10_000; index += 1) {
      fifo.push(index);
      assert.is(fifo.shift(), index - 10);
    }
    assert.is(fifo.length, 10);
  });
});
