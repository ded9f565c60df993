import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { deadLetterContentHash, deadLetterObjectName, decodeOriginal, encodeOriginal } from './dead-letter-object.ts';

const NOON = new Date('2026-02-03T12:00:00Z');

const nameOf = (content: Uint8Array, suffix = '') =>
  deadLetterObjectName('enrich', NOON, deadLetterContentHash(content), suffix);

suite('object of a dead letter', ({ test }) => {
  test('preserves every byte, attribute and key', () => {
    const text = fc.string({ unit: 'binary' });
    // Encoded in more than one piece.
    const large = fc.integer({ min: 49_000, max: 99_000 }).map((length) => Buffer.alloc(length, 'data'));
    const data = fc.oneof({ arbitrary: fc.uint8Array(), weight: 4 }, { arbitrary: large, weight: 1 });
    const any = fc.record({ data, attributes: fc.dictionary(text, text), orderingKey: text });
    const hostile = { data: Buffer.alloc(0), attributes: { constructor: 'c', prototype: 'p' }, orderingKey: '' };
    fc.assert(
      fc.property(fc.oneof(any, fc.constant(hostile)), (original) => {
        const content = encodeOriginal(original);
        const found = decodeOriginal(nameOf(content), content);
        assert.ok(Buffer.from(original.data).equals(found.data));
        assert.equal(Object.entries(found.attributes), Object.entries(original.attributes));
        assert.is(found.orderingKey, original.orderingKey);
      }),
    );
  });

  test('is named by service, day and content', () => {
    const content = Buffer.from('{}');
    assert.is(
      nameOf(content),
      'dead-letters/enrich/2026/02/03/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a.json',
    );
  });

  test('is refused if its content has changed', () => {
    const content = encodeOriginal({ data: Buffer.from('x'), attributes: {}, orderingKey: '' });
    const name = nameOf(content);
    assert.equal(decodeOriginal(nameOf(content, '-0123456789abcdef'), content).data, Buffer.from('x'));
    assert.throws(() => decodeOriginal(name, Buffer.concat([content, Buffer.from(' ')])), /does not have the content/);
    const other = Buffer.from('{"data":7}');
    assert.throws(() => decodeOriginal(nameOf(other), other));
  });
});
