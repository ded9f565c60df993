import type { protos } from '@google-cloud/pubsub';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { AckIds } from './ack-id.ts';
import { page } from './page.ts';
import { pull } from './pull.ts';
import { decodeAckRequest } from './pull-codec.ts';
import { projectOf } from './resource-name.ts';
import { ackFailure, decoded, invalidArgument, unary } from './rpc.ts';
import { checkAckIds, checkDeadline, streamingPull } from './streaming-pull.ts';
import type { Subscription } from './subscription.ts';
import { SUBSCRIPTION_FIELDS, type SubscriptionSettings, subscriptionSettings } from './subscription-settings.ts';
import type { Topics } from './topics.ts';
import { maskedFields } from './update-mask.ts';

type GetSubscription = protos.google.pubsub.v1.IGetSubscriptionRequest;
type ListSubscriptions = protos.google.pubsub.v1.IListSubscriptionsRequest;
type UpdateSubscription = protos.google.pubsub.v1.IUpdateSubscriptionRequest;
type Pull = protos.google.pubsub.v1.IPullRequest;

/** The quota of a request with ack ids (https://cloud.google.com/pubsub/quotas#resource_limits). */
const MAX_ACK_REQUEST_BYTES = 512 * 1024;

function decodeAckRequestWithinLimit(body: Buffer) {
  if (body.length > MAX_ACK_REQUEST_BYTES)
    throw invalidArgument(`Request payload size exceeds the limit: ${MAX_ACK_REQUEST_BYTES} bytes.`);
  const request = decodeAckRequest(body);
  if (request.ackIds.length === 0) throw invalidArgument('No ack ids specified.');
  checkAckIds(request.ackIds);
  checkDeadline(request.ackDeadlineSeconds);
  return request;
}

/** Only with exactly-once delivery does the service say that a lease was gone. */
function reportMissing(subscription: Subscription, ackIds: AckIds, missing: readonly number[]): Record<string, never> {
  if (missing.length > 0 && subscription.settings.enableExactlyOnceDelivery)
    throw ackFailure(new Map(missing.map((index) => [ackIds.text(index), 'PERMANENT_FAILURE_INVALID_ACK_ID'])));
  return {};
}

/** google.pubsub.v1.Subscriber; what is not listed answers UNIMPLEMENTED. */
export function subscriberService(topics: Topics): UntypedServiceImplementation {
  return {
    CreateSubscription: unary(
      decoded<SubscriptionSettings>,
      (request) => request.name,
      (name, request) => topics.createSubscription(name, subscriptionSettings(request)),
    ),
    GetSubscription: unary(
      decoded<GetSubscription>,
      (request) => request.subscription,
      (name) => topics.subscription(name).settings,
    ),
    UpdateSubscription: unary(
      decoded<UpdateSubscription>,
      (request) => request.subscription?.name,
      (name, { subscription: changed, updateMask }) => {
        const subscription = topics.subscription(name);
        const settings = subscriptionSettings(
          maskedFields(SUBSCRIPTION_FIELDS, subscription.settings, changed ?? {}, updateMask?.paths ?? []),
        );
        topics.checkDeadLetterTopic(settings);
        subscription.settings = settings;
        return settings;
      },
    ),
    ListSubscriptions: unary(
      decoded<ListSubscriptions>,
      (request) => request.project,
      (name, request) => {
        const project = projectOf(name);
        const own = Array.from(topics.subscriptions.values()).filter((one) => projectOf(one.name) === project);
        const [found, nextPageToken] = page(own, (one) => one.name, request);
        return { subscriptions: found.map((one) => one.settings), nextPageToken };
      },
    ),
    DeleteSubscription: unary(
      decoded<GetSubscription>,
      (request) => request.subscription,
      (name) => {
        topics.deleteSubscription(name);
        return {};
      },
    ),
    Pull: unary(
      decoded<Pull>,
      (request) => request.subscription,
      (name, { maxMessages, returnImmediately }, call) => {
        const subscription = topics.subscription(name);
        if (!maxMessages || maxMessages < 0) throw invalidArgument('No max_messages specified');
        return pull(subscription, maxMessages, returnImmediately ?? false, call);
      },
    ),
    StreamingPull: streamingPull((name) => topics.subscription(name)),
    Acknowledge: unary(
      decodeAckRequestWithinLimit,
      (request) => request.subscription,
      (name, { ackIds }) => {
        const subscription = topics.subscription(name);
        return reportMissing(subscription, ackIds, subscription.acknowledge(ackIds));
      },
    ),
    ModifyAckDeadline: unary(
      decodeAckRequestWithinLimit,
      (request) => request.subscription,
      (name, { ackIds, ackDeadlineSeconds }) => {
        const subscription = topics.subscription(name);
        return reportMissing(
          subscription,
          ackIds,
          subscription.modify(ackIds, () => ackDeadlineSeconds),
        );
      },
    ),
  };
}
