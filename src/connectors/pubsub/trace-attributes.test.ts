import * as assert from 'uvu/assert';
import type { Attributes } from '../../core/message.ts';
import type { MessageTrace } from '../../core/message-trace.ts';
import { suite } from '../../testing/suite.ts';
import { testContext, testDelivery } from '../../testing/test-context.ts';
import { outgoingBy } from './sink.ts';
import { EncodedAttributes } from './wire/protobuf.ts';
import { encodeAttributes } from './wire/requests.ts';

const PARENT = { googclient_traceparent: '00-1-2-01' };
const TRACE: MessageTrace = {
  ...{ attributes: PARENT, pass() {}, begin: () => () => {}, fail() {}, end() {} },
};

/** Returns the attributes with which a message is published. */
function published(attributes: Attributes | EncodedAttributes, data: Uint8Array, trace?: MessageTrace) {
  const prepare = outgoingBy(
    () => ({ topicId: 't', message: { data, attributes, orderingKey: '' } }),
    () => {},
  );
  const outgoing = prepare(testDelivery({ ...testContext(), startTrace: () => trace })).message.attributes;
  return outgoing instanceof EncodedAttributes ? outgoing.decode() : outgoing;
}

suite('attributes of a published message that is traced', ({ test }) => {
  const data = Buffer.from('x');
  test('continue its trace instead of the one before, encoded or not', () => {
    const before = { uid: '1', googclient_traceparent: '00-9-9-01' };
    for (const attributes of [before, encodeAttributes(before)]) {
      assert.equal(published(attributes, data, TRACE), { uid: '1', ...PARENT });
      assert.equal(published(attributes, data), before, 'an untraced message carries on what it has');
    }
  });

  test('stay as they are where Pub/Sub would refuse one more', () => {
    const hundred = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a${index}`, 'v']));
    assert.equal(published(hundred, data, TRACE), hundred);
    const { a0: _, ...rest } = hundred;
    assert.equal(published(rest, data, TRACE), { ...rest, ...PARENT });
    assert.equal(published({ a: '1' }, Buffer.alloc(9_999_900), TRACE), { a: '1' });
  });
});
