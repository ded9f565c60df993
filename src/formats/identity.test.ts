import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { type TestFields, testMessage } from '../testing/test-context.ts';
import { encodeEnvelope, openEnvelope } from './envelope/envelope.ts';
import { contentHashOf, identityBy, insertIdOf } from './identity.ts';

const identityOf = identityBy({ publishTime: false });
const timedIdentityOf = identityBy({ publishTime: true });

const text = fc.string({ unit: 'grapheme', maxLength: 6 });
const parts = fc.record({ id: text, topic: text, payload: text });
const messageOf = ({ id, topic, payload }: { id: string; topic: string; payload: string }, more: TestFields = {}) =>
  testMessage({ id, payload, attributes: { mqtt_topic: topic }, ...more });

suite('identity', ({ test }) => {
  test('depends on id, topic and payload, and on where each begins', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = one.id === other.id && one.topic === other.topic && one.payload === other.payload;
        assert.is(identityOf(messageOf(one)) === identityOf(messageOf(other)), same);
        assert.is(insertIdOf(identityOf(messageOf(one))) === insertIdOf(identityOf(messageOf(other))), same);
      }),
    );
    const moved = [
      { id: 'ab', topic: 'c', payload: '' },
      { id: 'a', topic: 'bc', payload: '' },
      { id: 'a', topic: 'b', payload: 'c' },
      { id: 'ab', topic: '', payload: 'c' },
    ];
    assert.is(new Set(moved.map((each) => identityOf(messageOf(each)))).size, moved.length);
  });

  test('does not depend on transport, enrichment, or the time of receipt', () => {
    const message = messageOf({ id: '1', topic: 't', payload: '{}' });
    const again = testMessage({
      id: '1',
      payload: '{}',
      publishTime: '2026-11-24T00:00:00Z',
      attributes: { mqtt_topic: 't', route_name: 'r', traceparent: '00-1-2-01', mqtt_retained: 'true' },
      enrichmentData: { name: 'pump' },
    });
    assert.is(identityOf(again), identityOf(message));
    assert.is.not(timedIdentityOf(again), timedIdentityOf(message));
    assert.is(timedIdentityOf({ ...again, publishTime: message.publishTime }), timedIdentityOf(message));
  });

  test('is the same inside and outside an envelope', () => {
    const message = testMessage({ id: '1', payload: Buffer.from([0, 255, 10]), attributes: { mqtt_topic: 't' } });
    const outer = testMessage({ payload: encodeEnvelope(message), attributes: { mqtt_topic: 't' } });
    assert.is(identityOf(openEnvelope(outer)), identityOf(message));
  });

  test('gives insert ids that BigQuery accepts', () => {
    assert.match(insertIdOf(identityOf(testMessage({ id: 'x'.repeat(10_000) }))), /^[\w-]{43}$/);
  });

  test('of an object depends on its key and messages, but not on their order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(text, { minLength: 2 }), (ids) => {
        const identities = ids.map((id) => identityOf(testMessage({ id })));
        const before = [...identities];
        const content = contentHashOf('k', identities);
        assert.is(contentHashOf('k', identities.toReversed()), content);
        assert.equal(identities, before, 'the list itself is left alone');
        assert.is.not(contentHashOf('k2', identities), content);
        assert.is.not(contentHashOf('k', identities.slice(1)), content);
      }),
    );
    // Two devices with the same id: the order of arrival does not matter.
    const [a, b] = ['a', 'b'].map((topic) => identityOf(messageOf({ id: '1', topic, payload: '{}' })));
    assert.is(contentHashOf('k', [a ?? '', b ?? '']), contentHashOf('k', [b ?? '', a ?? '']));
  });
});
