import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { readDeadLetter } from './read-dead-letter.ts';
import { toDeadLetterMessage } from './write-dead-letter.ts';

const AT = { seconds: 1_770_091_506, nanos: 0 };
const BEGUN = '2026-02-03T04:05:06Z';

suite('dead letter as the commands read it', ({ test }) => {
  test('equals what a service wrote', () => {
    const original = { data: Buffer.from('x'), attributes: { uid: 'u1' }, orderingKey: 'k' };
    const { message } = toDeadLetterMessage(original, {
      ...{ service: 'enrich', reason: 'no_data', error: 'none', attempt: 3 },
      ...{ source: 'projects/p/subscriptions/s', time: new Date(BEGUN) },
    });
    const deadLetter = readDeadLetter({
      ...message,
      messageId: '7',
      publishTime: { seconds: 1_770_091_507, nanos: 0 },
    });
    const { id, time, publishTime, service, reason, error, attempt, source, bytes, isTruncated, object } = deadLetter;
    assert.equal(
      { id, time, publishTime, service, reason, error, attempt, source, bytes, isTruncated, object },
      {
        ...{ id: '7', time: '2026-02-03T04:05:06.000Z', publishTime: '2026-02-03T04:05:07Z' },
        ...{ service: 'enrich', reason: 'no_data', error: 'none', attempt: 3 },
        ...{ source: 'projects/p/subscriptions/s', bytes: 1, isTruncated: false, object: undefined },
      },
    );
    assert.equal(deadLetter.original, original);
  });

  test("reads one created by Pub/Sub's own policy, including its ordering key", () => {
    const { reason, source, attempt, time, original } = readDeadLetter({
      ...{ messageId: '8', publishTime: AT, orderingKey: 'k', data: Buffer.from('x') },
      attributes: {
        uid: 'u1',
        CloudPubSubDeadLetterSourceDeliveryCount: '5',
        CloudPubSubDeadLetterSourceSubscription: 's',
        CloudPubSubDeadLetterSourceSubscriptionProject: 'p',
        CloudPubSubDeadLetterSourceTopicPublishTime: '2026-01-01T00:00:00Z',
      },
    });
    assert.equal([reason, source, attempt, time], ['max_delivery_attempts', 'projects/p/subscriptions/s', 5, BEGUN]);
    assert.equal(original, { data: Buffer.from('x'), attributes: { uid: 'u1' }, orderingKey: 'k' });
  });

  test('of ours keeps its marks after a policy moved it', () => {
    const { reason, source } = readDeadLetter({
      ...{ messageId: '9', publishTime: AT },
      attributes: {
        ...{ dlq_reason: 'rejected', dlq_source: 'mqtt:a/b', dlq_time: BEGUN },
        CloudPubSubDeadLetterSourceSubscription: 'dead-letters',
      },
    });
    assert.equal([reason, source], ['rejected', 'mqtt:a/b']);
  });

  test('shows any other message as unknown, without a source', () => {
    const { reason, source, bytes } = readDeadLetter({ messageId: '1', publishTime: AT, data: Buffer.from('abc') });
    assert.equal([reason, source, bytes], ['unknown', '', 3]);
    assert.is(readDeadLetter({ attributes: { dlq_reason: 'rejected', dlq_original_bytes: 'many' } }).bytes, 0);
  });
});
