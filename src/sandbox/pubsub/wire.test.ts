import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { lengthDelimited, Reader, varintField, varintSize, writeVarint } from './wire.ts';

suite('wire', ({ test }) => {
  for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
    test(`a varint of ${value} reads as it was written`, () => {
      const target = Buffer.alloc(10);
      const end = writeVarint(target, 0, value);
      assert.is(end, varintSize(value));
      assert.is(new Reader(target, 0, end).varint(), value);
    });
  }

  test('a negative int32 keeps its sign', () => {
    assert.is(new Reader(Buffer.from('ffffffffffffffffff01', 'hex')).signed() < 0, true);
  });

  test('skips fields of every wire type', () => {
    const fields = Buffer.concat([
      varintField(1, 300),
      lengthDelimited(2, 'text'),
      Buffer.from([0x19, 1, 2, 3, 4, 5, 6, 7, 8]),
      Buffer.from([0x25, 1, 2, 3, 4]),
    ]);
    const reader = new Reader(fields);
    while (reader.at < reader.end) reader.skip(reader.varint());
    assert.is(reader.at, fields.length);
  });

  test('refuses what is cut off', () => {
    assert.throws(() => new Reader(Buffer.from([0x80])).varint(), 'malformed varint');
    assert.throws(() => new Reader(Buffer.from([5, 1])).string(), 'cut off');
  });
});
