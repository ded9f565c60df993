import type { Attributes, EnrichmentData, Message, Original } from '../../../core/message.ts';
import { rfc3339 } from '../../../util/rfc3339.ts';
import { EncodedAttributes } from './encoded-attributes.ts';

const NO_DATA: EnrichmentData = Object.freeze({});

/** One message of a response, and the positions of its parts. */
export interface ReceivedParts {
  /** Size of the whole message as sent. */
  readonly byteLength: number;
  readonly ackId: string;
  readonly data: Uint8Array;
  readonly orderingKey: string;
  readonly messageIdStart: number;
  readonly messageIdEnd: number;
  /** Range of contiguous attributes: see `EncodedAttributes`. */
  readonly attributesStart: number;
  readonly attributesEnd: number;
  /** Seconds since 1970; undefined if the server sent no time. */
  readonly publishSeconds: number | undefined;
  readonly publishNanos: number;
  /** Counts from 1 on a subscription with a dead-letter policy; otherwise 0. */
  readonly deliveryAttempt: number;
}

/**
 * A message as delivered by StreamingPull, and as it enters the graph before its envelope is opened: Pub/Sub's id and
 * publish time. A view of the response that decodes its parts on demand.
 */
export class ReceivedMessage implements Original, Message {
  readonly ackId: string;
  /**
   * Size of data, attributes and ids as sent. The message retains this much memory plus a few KiB of its neighbors: see
   * `PIECE_BYTES`, and `Buffer.poolSize` of a service.
   */
  readonly byteLength: number;
  readonly data: Uint8Array;
  readonly orderingKey: string;
  readonly #response: Buffer;
  readonly #parts: ReceivedParts;
  #attributes: Attributes | undefined;
  #publishTime: string | undefined;

  constructor(response: Buffer, parts: ReceivedParts) {
    this.ackId = parts.ackId;
    this.byteLength = parts.byteLength;
    this.data = parts.data;
    this.orderingKey = parts.orderingKey;
    this.#response = response;
    this.#parts = parts;
  }

  get messageId(): string {
    return this.#response.toString('utf8', this.#parts.messageIdStart, this.#parts.messageIdEnd);
  }

  /** Counts from 1 on a subscription with a dead-letter policy; otherwise 0. */
  get deliveryAttempt(): number {
    return this.#parts.deliveryAttempt;
  }

  get encodedAttributes(): EncodedAttributes {
    return new EncodedAttributes(this.#response, this.#parts.attributesStart, this.#parts.attributesEnd);
  }

  get attributes(): Attributes {
    this.#attributes ??= this.encodedAttributes.decode();
    return this.#attributes;
  }

  get id(): string {
    return this.messageId;
  }

  get payload(): Uint8Array {
    return this.data;
  }

  get publishTime(): string {
    const { publishSeconds, publishNanos } = this.#parts;
    this.#publishTime ??=
      publishSeconds === undefined ? new Date().toISOString() : rfc3339(publishSeconds, publishNanos);
    return this.#publishTime;
  }

  get enrichmentData(): EnrichmentData {
    return NO_DATA;
  }
}
