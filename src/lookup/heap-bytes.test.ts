import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { parseExact } from '../util/json/lossless-json.ts';
import { heapBytes } from './memory-cache.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Large enough that other objects in the heap do not matter. */
const BYTES = 4_000_000;
/** Returns the text of one document, built from its number. */
const SHAPES: Record<string, (index: number) => string> = {
  'a few short members': (index) =>
    JSON.stringify({ ClientID: `c${index}`, LocationID: `hall ${index}`, Category: 'x' }),
  'a long text': (index) => JSON.stringify({ text: String(index).padEnd(30_000, 'x') }),
  'a long text beyond Latin-1': (index) => JSON.stringify({ text: String(index).padEnd(30_000, '語') }),
  'a list of numbers': (index) => JSON.stringify({ values: Array.from({ length: 1_000 }, (_, at) => index + at / 7) }),
  'nested objects': (index) =>
    JSON.stringify({ sites: Array.from({ length: 100 }, (_, at) => ({ id: index + at, name: `n${at}`, on: true })) }),
  'members of other names in each': (index) =>
    JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`device-${index}-${at}`, at]))),
  'a number with its own digits next to a long text': (index) =>
    `{"text":"${'x'.repeat(30_000)}","number":1.00000000000000000${index}}`,
};

suite('estimate of heap bytes', ({ test }) => {
  for (const [what, textOf] of Object.entries(SHAPES)) {
    test(`is close to V8's usage: ${what}`, () => {
      const documents: unknown[] = [];
      const count = Math.ceil(BYTES / textOf(0).length);
      collect();
      const before = process.memoryUsage().heapUsed;
      for (let index = 0; index < count; index += 1) documents.push(parseExact(textOf(index)));
      collect();
      const taken = (process.memoryUsage().heapUsed - before) / count;
      const estimated = documents.reduce<number>((sum, each) => sum + heapBytes(each), 0) / count;
      assert.ok(
        estimated > taken * 0.9 && estimated < taken * 4,
        `${Math.round(taken)} bytes a document, estimated ${Math.round(estimated)}`,
      );
    });
  }

  test('works for data nested deeper than the stack', () => {
    let deep: unknown = 'end';
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    assert.ok(heapBytes(deep) > 100_000);
  });
});
