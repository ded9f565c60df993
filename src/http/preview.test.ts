import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { previewOf } from './preview.ts';

suite('preview of a payload', ({ test }) => {
  test('is text where it is text, whatever was cut, and hexadecimal digits elsewhere', () => {
    assert.is(previewOf(Buffer.from('{"t": 21.5}\n')), '{"t": 21.5}\n');
    assert.is(previewOf(Buffer.from([1, 2, 0xff])), '01 02 ff');
    assert.is(previewOf(Buffer.from('a\u0000b')), '61 00 62');
    assert.is(previewOf(Buffer.from([])), '');
    assert.is(previewOf(Buffer.from('ä'.repeat(300))), `${'ä'.repeat(120)}…`);
    assert.is(previewOf(Buffer.from(`x${'€'.repeat(300)}`)), `x${'€'.repeat(79)}…`, 'the last character was cut');
    assert.is(previewOf(Buffer.alloc(300, 0xff)), `${'ff '.repeat(67).slice(0, 200)}…`);
  });

  test('reads a view of a larger buffer', () => {
    assert.is(previewOf(Buffer.from('--payload--').subarray(2, 9)), 'payload');
  });
});
