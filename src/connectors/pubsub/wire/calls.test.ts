import { protos } from '@google-cloud/pubsub-api';
import * as assert from 'uvu/assert';
import { suite } from '../../../testing/suite.ts';
import {
  decodeSubscription,
  decodeSubscriptionNames,
  encodeModifyAckDeadline,
  encodeName,
  encodeStreamingPull,
} from './calls.ts';

const api = protos.google.pubsub.v1;

suite('rare calls of a service', ({ test }) => {
  test('encode requests as the generated codecs do', () => {
    const topic = 'projects/p/topics/tö';
    const subscription = `projects/p/subscriptions/${'s'.repeat(300)}`;
    assert.equal(encodeName(topic), Buffer.from(api.GetTopicRequest.encode({ topic }).finish()));
    assert.equal(encodeName(topic), Buffer.from(api.ListTopicSubscriptionsRequest.encode({ topic }).finish()));
    assert.equal(encodeName(subscription), Buffer.from(api.GetSubscriptionRequest.encode({ subscription }).finish()));
    for (const ackDeadlineSeconds of [0, 10, 600]) {
      const request = { subscription, ackIds: ['a', 'b'.repeat(200)], ackDeadlineSeconds };
      const { ackIds, ...decoded } = api.ModifyAckDeadlineRequest.decode(encodeModifyAckDeadline(request));
      assert.equal({ ...decoded, ackIds }, request);
    }
  });

  test('encode the first request of a stream and keepalives as the generated codec does', () => {
    const first = {
      subscription: 'projects/p/subscriptions/s',
      streamAckDeadlineSeconds: 60,
      clientId: 'host-1',
      maxOutstandingMessages: 11_000,
      maxOutstandingBytes: 5 * 2 ** 30,
      protocolVersion: 1,
    };
    for (const request of [first, {}]) {
      assert.equal(encodeStreamingPull(request), Buffer.from(api.StreamingPullRequest.encode(request).finish()));
    }
  });

  test('decode the topic and the retry policy of a subscription', () => {
    const decoded = (properties: protos.google.pubsub.v1.ISubscription) =>
      decodeSubscription(Buffer.from(api.Subscription.encode(properties).finish()));
    const all = {
      name: 'projects/p/subscriptions/s',
      topic: 'projects/p/topics/t',
      ackDeadlineSeconds: 60,
      labels: { topic: 'no' },
      enableMessageOrdering: true,
      state: 1,
    };
    assert.equal(decoded(all), { topic: all.topic, retryPolicy: undefined });
    assert.equal(decoded({}), { topic: '', retryPolicy: undefined });
    const backsOff = decoded({ ...all, retryPolicy: { minimumBackoff: { seconds: 10 } } });
    assert.is(backsOff.topic, all.topic);
    assert.ok(backsOff.retryPolicy);
    assert.ok(decoded({ ...all, retryPolicy: {} }).retryPolicy, 'an empty policy means its defaults');
  });

  test('decode the names of subscriptions', () => {
    const subscriptions = ['projects/p/subscriptions/a', 'projects/p/subscriptions/b'];
    const response = { subscriptions, nextPageToken: 'next' };
    const bytes = Buffer.from(api.ListTopicSubscriptionsResponse.encode(response).finish());
    assert.equal(decodeSubscriptionNames(bytes), subscriptions);
    assert.equal(decodeSubscriptionNames(Buffer.alloc(0)), []);
  });
});
