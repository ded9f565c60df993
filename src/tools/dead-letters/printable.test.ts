import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { oneLine, printableData } from './printable.ts';

suite('printable', ({ test }) => {
  test('text of a dead letter never reaches the terminal as a control sequence', () => {
    assert.is(oneLine('a\u001b[2Jb\r\nc\u009bd'), 'a [2Jb c d');
    assert.is(printableData(Buffer.from('one\n\ttwo \u001b[31mred')), 'one\n\ttwo  [31mred');
    assert.not.match(printableData(Buffer.from(JSON.stringify({ a: '\u001b[2J' }))), '\u001b');
  });

  test('numbers keep all of their digits', () => {
    assert.is(printableData(Buffer.from('[9007199254740993,1.0,1e400]')), '[\n  9007199254740993,\n  1.0,\n  1e400\n]');
  });

  test('JSON is indented, other text stays, the rest is hexadecimal', () => {
    assert.is(printableData(Buffer.from('{"a":[1]}')), '{\n  "a": [\n    1\n  ]\n}');
    assert.is(printableData(Buffer.from('größe')), 'größe');
    assert.is(printableData(Buffer.alloc(0)), '');
    const dump = printableData(Buffer.alloc(1_000, 0xff)).split('\n');
    assert.is(dump.length, 33);
    assert.match(dump[1] ?? '', /^00000010 {2}(ff ){16} {1}\.{16}$/);
    assert.is(dump.at(-1), '… 488 more bytes');
  });
});
