import type { protos } from '@google-cloud/pubsub';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Faults, FaultyCall } from '../faults/faults.ts';
import { asRpcError } from '../faults/grpc-faults.ts';
import type { Subscriber } from './backlog.ts';
import type { Decoded } from './protos.ts';
import { invalidArgument } from './rpc.ts';
import type { Subscription } from './subscription.ts';

type StreamingPullRequest = Decoded<protos.google.pubsub.v1.IStreamingPullRequest>;
type Call = ServerDuplexStream<StreamingPullRequest, object>;

/** Attaches a stream to its subscription by its first request, and returns the handler of later ones. */
function open(call: Call, subscription: Subscription, first: StreamingPullRequest, isSilent: () => boolean) {
  if (first.streamAckDeadlineSeconds === 0) throw invalidArgument('stream_ack_deadline_seconds must be set at first');
  const { enableMessageOrdering: messageOrderingEnabled, enableExactlyOnceDelivery: exactlyOnceDeliveryEnabled } =
    subscription.settings;
  const subscriptionProperties = { messageOrderingEnabled, exactlyOnceDeliveryEnabled };
  const consumer: Subscriber = {
    maxMessages: Math.max(0, Number(first.maxOutstandingMessages)) || Infinity,
    maxBytes: Math.max(0, Number(first.maxOutstandingBytes)) || Infinity,
    outstanding: 0,
    outstandingBytes: 0,
    paused: () => call.writableNeedDrain || isSilent(),
    ackDeadlineSeconds: 0,
    deliver: (receivedMessages) => call.write({ receivedMessages, subscriptionProperties }),
    end: (error) => call.emit('error', error),
  };
  const obey = (request: StreamingPullRequest) => {
    const { streamAckDeadlineSeconds: deadline, ackIds, modifyDeadlineAckIds, modifyDeadlineSeconds } = request;
    if (deadline !== 0 && (deadline < 10 || deadline > 600))
      throw invalidArgument('stream_ack_deadline_seconds must be from 10 to 600');
    if (modifyDeadlineAckIds.length !== modifyDeadlineSeconds.length)
      throw invalidArgument('ack ids and deadlines must have the same size');
    if (deadline !== 0) consumer.ackDeadlineSeconds = deadline;
    if (ackIds.length > 0) subscription.settle(ackIds, () => 'acknowledged');
    if (modifyDeadlineAckIds.length > 0)
      subscription.settle(modifyDeadlineAckIds, (index) => modifyDeadlineSeconds[index] ?? 0);
  };
  obey(first);
  for (const event of ['cancelled', 'error', 'end']) call.on(event, () => subscription.subscribers.delete(consumer));
  call.on('drain', () => subscription.dispatch());
  subscription.subscribers.add(consumer);
  subscription.dispatch();
  return (request: StreamingPullRequest) => {
    if (request.subscription !== '' || request.maxOutstandingMessages !== 0 || request.maxOutstandingBytes !== 0)
      throw invalidArgument('subscription and flow control may only be set in the first message');
    obey(request);
    // An answer to an empty request shows the official client that the stream is alive.
    const settles = request.ackIds.length + request.modifyDeadlineAckIds.length > 0;
    if (!settles && !isSilent()) consumer.deliver([]);
  };
}

/** Handles StreamingPull: the first request names the subscription and the flow control, later ones only settle. */
export const streamingPull = (find: (name: string) => Subscription, faults: Faults) => (call: Call) => {
  /** Resolves with the handler of later requests; a fault can delay the opening. */
  let opening: Promise<((request: StreamingPullRequest) => void) | undefined> | undefined;
  const begin = (first: StreamingPullRequest) => {
    const about: FaultyCall = { server: 'pubsub', method: 'StreamingPull', resource: first.subscription };
    return faults.pass(about, () =>
      call.cancelled ? undefined : open(call, find(about.resource), first, () => faults.silences(about)),
    );
  };
  call.on('data', async (request: StreamingPullRequest) => {
    try {
      if (opening !== undefined) return (await opening)?.(request);
      opening = begin(request);
      await opening;
    } catch (error) {
      call.emit('error', asRpcError(error));
    }
  });
  call.on('end', () => call.end());
};
