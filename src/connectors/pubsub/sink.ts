import { map, type OperatorFunction, type SchedulerLike } from 'rxjs';
import type { Credit } from '../../core/credit.ts';
import type { Delivery, Outcome } from '../../core/delivery.ts';
import { PoisonError, RetryableError } from '../../core/errors.ts';
import type { Attributes } from '../../core/message.ts';
import { batchInto, type ItemResult } from '../../operators/batch-into.ts';
import { type Batch, type BatchItem, PartitionKey } from '../../operators/batcher.ts';
import { type FailingTargetsView, targetShare } from '../../operators/failing-targets.ts';
import { traceRequests } from '../../operators/trace-requests.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { SpanDescription } from '../../telemetry/tracing.ts';
import { LONGEST_MEMOIZED } from '../../util/memoize.ts';
import type { PublishConfig } from './config.ts';
import {
  areWithinLimits,
  checkLimits,
  type OutgoingMessage,
  PUBSUB_LIMITS,
  requestBytes,
  withoutReserved,
} from './limits.ts';
import type { Publisher } from './publisher.ts';
import { EncodedAttributes } from './wire/protobuf.ts';

/** Ordering keys that are cached, of all topics: 2 MB of usual ones, 25 MB of the longest. */
const MAX_KEYS = 10_000;

/** The topic of a delivery, and the message to publish for it. */
export interface PublishTarget {
  readonly topicId: string;
  readonly message: OutgoingMessage;
}

/** A delivery that is ready to be published. */
export interface Outgoing extends BatchItem {
  readonly message: OutgoingMessage;
}

export interface PubSubSinkOptions {
  readonly publisher: Publisher;
  readonly config: PublishConfig;
  readonly credit: Credit;
  readonly telemetry: Telemetry;
  /** A PoisonError thrown here affects only that delivery. */
  readonly toTarget: (delivery: Delivery) => PublishTarget;
  /** Set if all targets share one topic: when it fails, nothing else can proceed. */
  readonly onlyTopicId?: string;
  /** Time that a topic may fail before its messages are dead-lettered. By default, they go back or wait. */
  readonly deadLetterAfterMs?: number | undefined;
  readonly onFailingTargets?: (failing: FailingTargetsView) => void;
  readonly onFlush?: (batch: Batch) => void;
  readonly scheduler?: SchedulerLike;
}

/**
 * Publishes deliveries in batches, and emits the outcome of each. Removes attributes that Pub/Sub reserves.
 *
 * One request holds one topic and one ordering key. Requests without an ordering key run in parallel; those of one key
 * run in sequence, so that a retry does not reorder them. Ordering keys do not wait for each other while a slot is
 * free. A failing topic holds up only its own requests.
 */
export function pubsubSink(options: PubSubSinkOptions): OperatorFunction<Delivery, Outcome> {
  const { publisher, config, credit, telemetry, toTarget, onlyTopicId, deadLetterAfterMs } = options;
  const asFinal = (result: ItemResult): ItemResult =>
    deadLetterAfterMs !== undefined && result instanceof RetryableError
      ? new PoisonError('undelivered', result.message, { cause: result })
      : result;
  const onLeftOut = ({ topicId }: PublishTarget, { message: { id } }: Delivery) =>
    telemetry.event('publish.attributes_left_out', { topic: topicId, id });
  return batchInto<Outgoing>(
    {
      limits: {
        // The rest of the in-flight limit fills the next request while this one is under way.
        maxCount: Math.min(config.maxMessages, targetShare(credit.limits).maxMessages),
        maxBytes: config.maxBytes,
        maxAgeMs: config.maxDelayMs,
        maxOpen: credit.limits.maxMessages,
      },
      concurrency: config.concurrency,
      credit,
      ...(onlyTopicId === undefined ? {} : { sharedTarget: onlyTopicId }),
      prepare: outgoingBy(toTarget, onLeftOut),
      ...(options.onFailingTargets === undefined ? {} : { onFailingTargets: options.onFailingTargets }),
      ...(options.onFlush === undefined ? {} : { onFlush: options.onFlush }),
      ...(options.scheduler === undefined ? {} : { scheduler: options.scheduler }),
    },
    traceRequests(telemetry.tracing, publishSpan, ({ key, items }, slot) =>
      publisher
        .publish(
          key.target,
          items.map((item) => item.message),
          { slot, giveUpAfterMs: deadLetterAfterMs },
        )
        .pipe(map((results) => results.map(asFinal))),
    ),
  );
}

/** Describes the span of a publish request. */
function publishSpan({ key, items }: Batch<Outgoing>): SpanDescription {
  return {
    name: `publish ${key.target}`,
    attributes: {
      'messaging.system': 'gcp_pubsub',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'publish',
      'messaging.destination.name': key.target,
      'messaging.batch.message_count': items.length,
      ...(key.isSerial ? { 'messaging.gcp_pubsub.message.ordering_key': key.group } : {}),
    },
  };
}

/**
 * Returns a function that builds the outgoing message of a delivery, without attributes that Pub/Sub reserves. It throws
 * a PoisonError if Pub/Sub would refuse the message.
 */
export function outgoingBy(
  toTarget: PubSubSinkOptions['toTarget'],
  onLeftOut: (target: PublishTarget, delivery: Delivery) => void,
): (delivery: Delivery) => Outgoing {
  const keyOf = partitionKeys();
  return (delivery) => {
    const target = toTarget(delivery);
    const { topicId } = target;
    const { trace } = delivery.ackHandle;
    const outgoing = trace === undefined ? target.message : withTrace(target.message, trace.attributes);
    const attributes = withoutReserved(outgoing.attributes);
    const isWhole = attributes === outgoing.attributes;
    if (!isWhole) onLeftOut(target, delivery);
    const message = isWhole ? outgoing : { ...outgoing, attributes };
    const bytes = checkLimits(message);
    return { delivery, key: keyOf(topicId, message.orderingKey), bytes, message };
  };
}

/** Adds attributes that continue a trace, unless Pub/Sub would refuse the message because of them. */
function withTrace(message: OutgoingMessage, trace: Attributes): OutgoingMessage {
  const { attributes } = message;
  const own = attributes instanceof EncodedAttributes ? attributes.decode() : attributes;
  const traced = { ...message, attributes: { ...own, ...trace } };
  const isAccepted = areWithinLimits(withoutReserved(traced.attributes));
  return isAccepted && requestBytes(traced) <= PUBSUB_LIMITS.requestBytes ? traced : message;
}

/** Caches keys by topic and ordering key, since building one costs more. Clears the cache when it is full. */
function partitionKeys(): (topicId: string, orderingKey: string) => PartitionKey {
  const topics = new Map<string, Map<string, PartitionKey>>();
  let size = 0;
  let last = new PartitionKey('');
  const keyOf = (topicId: string, orderingKey: string): PartitionKey => {
    const known = topics.get(topicId)?.get(orderingKey);
    if (known !== undefined) return known;
    const key = new PartitionKey(topicId, orderingKey, orderingKey !== '');
    if (orderingKey.length > LONGEST_MEMOIZED) return key;
    if (size >= MAX_KEYS) {
      topics.clear();
      size = 0;
    }
    const keys = topics.get(topicId);
    if (keys === undefined) topics.set(topicId, new Map([[orderingKey, key]]));
    else keys.set(orderingKey, key);
    size += 1;
    return key;
  };
  return (topicId, orderingKey) => {
    if (topicId !== last.target || orderingKey !== last.group) last = keyOf(topicId, orderingKey);
    return last;
  };
}
