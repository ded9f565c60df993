import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AckIds } from './ack-id.ts';
import { encodeReceivedMessages } from './delivery-codec.ts';
import type { Consumer, Entry } from './entry.ts';
import {
  decodeStreamingPullRequest,
  encodeConfirmation,
  encodeProperties,
  type StreamingPullRequest,
} from './pull-codec.ts';
import { invalidArgument, notFound, toStatus } from './rpc.ts';
import type { Subscription } from './subscription.ts';

export type PullStream = ServerDuplexStream<Buffer, Buffer>;

/** So many responses may wait for a slow client before it gets no more. */
const MAX_UNSENT_RESPONSES = 4;
const MIN_STREAM_DEADLINE_SECONDS = 10;
const MAX_DEADLINE_SECONDS = 600;

/** Throws INVALID_ARGUMENT for an ack id that this server cannot have given out, as the real service does. */
export function checkAckIds(ackIds: AckIds): void {
  const malformed = ackIds.slots.findIndex((slot, index) => slot < 0 || (ackIds.generations[index] ?? -1) < 0);
  if (malformed >= 0) throw invalidArgument(`Invalid ack id (ack_id=${ackIds.text(malformed)})`);
}

export function checkDeadline(value: number): void {
  if (value < 0 || value > MAX_DEADLINE_SECONDS)
    throw invalidArgument(`The ack deadline must be between 0 and ${MAX_DEADLINE_SECONDS} seconds.`);
}

/** One StreamingPull call: takes messages within its flow control, and acknowledges what its requests say. */
class StreamConsumer implements Consumer {
  readonly #call: PullStream;
  readonly #subscription: Subscription;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #keepAlive: boolean;
  #outstanding = 0;
  #outstandingBytes = 0;
  #unsent = 0;
  #batch: Entry[] = [];
  ackDeadlineMs = 0;

  constructor(call: PullStream, subscription: Subscription, first: StreamingPullRequest) {
    this.#call = call;
    this.#subscription = subscription;
    this.#maxMessages = first.maxOutstandingMessages > 0 ? first.maxOutstandingMessages : Infinity;
    this.#maxBytes = first.maxOutstandingBytes > 0 ? first.maxOutstandingBytes : Infinity;
    this.#keepAlive = first.protocolVersion >= 1;
    if (first.streamAckDeadlineSeconds === 0)
      throw invalidArgument('first message must set stream_ack_deadline_seconds');
    this.take(first);
  }

  /** Stops at the limits, which the last message may overstep: so the proto file defines max_outstanding_bytes. */
  get wants(): boolean {
    return (
      this.#outstanding < this.#maxMessages &&
      this.#outstandingBytes < this.#maxBytes &&
      this.#unsent < MAX_UNSENT_RESPONSES
    );
  }

  add(entry: Entry): void {
    this.#outstanding += 1;
    this.#outstandingBytes += entry.size;
    this.#batch.push(entry);
  }

  flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#send(
      encodeReceivedMessages(batch, Boolean(this.#subscription.settings.deadLetterPolicy), this.#properties()),
    );
  }

  settled(entry: Entry): void {
    this.#outstanding -= 1;
    this.#outstandingBytes -= entry.size;
  }

  end(): void {
    this.#call.emit('error', toStatus(notFound(this.#subscription.name)));
  }

  /** Obeys a request that follows the first. */
  next(request: StreamingPullRequest): void {
    if (request.subscription !== '') throw invalidArgument('subscription may only be set in first message');
    if (request.maxOutstandingMessages !== 0 || request.maxOutstandingBytes !== 0)
      throw invalidArgument('flow control settings may only be set in first message');
    this.take(request);
    const empty = request.ackIds.length === 0 && request.modifyAckIds.length === 0;
    if (this.#keepAlive && empty) this.#send(this.#properties());
  }

  take(request: StreamingPullRequest): void {
    const { streamAckDeadlineSeconds, ackIds, modifyAckIds, modifySeconds } = request;
    if (streamAckDeadlineSeconds !== 0) {
      if (streamAckDeadlineSeconds < MIN_STREAM_DEADLINE_SECONDS || streamAckDeadlineSeconds > MAX_DEADLINE_SECONDS)
        throw invalidArgument('stream_ack_deadline_seconds must be between 10 and 600 seconds');
      this.ackDeadlineMs = streamAckDeadlineSeconds * 1000;
    }
    if (modifyAckIds.length !== modifySeconds.length)
      throw invalidArgument('ack IDs and deadlines must have the same size');
    for (const value of modifySeconds) checkDeadline(value);
    checkAckIds(ackIds);
    checkAckIds(modifyAckIds);
    if (ackIds.length > 0) this.#confirm(5, ackIds, this.#subscription.acknowledge(ackIds));
    if (modifyAckIds.length > 0)
      this.#confirm(
        3,
        modifyAckIds,
        this.#subscription.modify(modifyAckIds, (index) => modifySeconds[index] ?? 0),
      );
  }

  /** With exactly-once delivery each ack id is answered: done, or invalid because its lease is gone. */
  #confirm(field: 3 | 5, ackIds: AckIds, missing: readonly number[]): void {
    if (!this.#subscription.settings.enableExactlyOnceDelivery) return;
    const lost = new Set(missing);
    const done: string[] = [];
    const invalid: string[] = [];
    for (let i = 0; i < ackIds.length; i += 1) (lost.has(i) ? invalid : done).push(ackIds.text(i));
    this.#send(Buffer.concat([encodeConfirmation(field, done, invalid), this.#properties()]));
  }

  #properties(): Buffer {
    const { enableExactlyOnceDelivery, enableMessageOrdering } = this.#subscription.settings;
    return encodeProperties(Boolean(enableExactlyOnceDelivery), Boolean(enableMessageOrdering));
  }

  #send(response: Buffer): void {
    this.#unsent += 1;
    this.#call.write(response, () => {
      this.#unsent -= 1;
      this.#subscription.dispatch();
    });
  }
}

/** Handles StreamingPull: the first request names the subscription and the flow control, the others only settle. */
export function streamingPull(find: (name: string) => Subscription): (call: PullStream) => void {
  return (call) => {
    let consumer: StreamConsumer | undefined;
    let subscription: Subscription | undefined;
    const detach = () => {
      if (consumer !== undefined) subscription?.detach(consumer);
    };
    let failed = false;
    call.on('data', (body: Buffer) => {
      if (failed) return;
      try {
        const request = decodeStreamingPullRequest(body);
        if (consumer !== undefined) {
          consumer.next(request);
          return;
        }
        if (request.subscription === '') throw invalidArgument('first message must set subscription');
        subscription = find(request.subscription);
        consumer = new StreamConsumer(call, subscription, request);
        subscription.attach(consumer);
      } catch (error) {
        call.emit('error', toStatus(error));
      }
    });
    call.on('cancelled', detach);
    call.on('error', () => {
      failed = true;
      detach();
    });
    call.on('end', () => {
      detach();
      call.end();
    });
  };
}
