import { createHash } from 'node:crypto';
import { isSharedId } from './subscription-id.ts';
import { filtersOverlap } from './topic-filter.ts';
import type { PublishProperties } from './wire/publish-properties.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

/** Topics whose last run is kept. Copies follow each other, but messages of other topics may come between. */
const MAX_TOPICS = 64;
/** Longer payloads are stored as their hash. */
const MAX_PAYLOAD_BYTES = 16 * 1024;
/** Identifiers kept per run. A session has one per filter, but a broker may send any. */
const MAX_IDS = 1_000;

/** Consecutive equal packets on a topic. */
interface Run {
  readonly payload: Buffer | string;
  readonly properties: string;
  readonly isQos1: boolean;
  readonly startedAt: number;
  /** Upper bound of the messages that each subscription has delivered, including those before its first one. */
  readonly counts: Map<number, number>;
  /** The highest of the counts. */
  most: number;
  passed: number;
  /** Identifier of a present subscription that also delivers every message of the other subscriptions. */
  leader: number | undefined;
}

/**
 * Recognizes duplicate deliveries of a message: MQTT 5 brokers may send one per matching subscription.
 *
 * Consecutive equal packets on a topic may be copies or separate messages, for example one from a subscription that
 * ended and one from a subscription that began later. A packet counts as a copy only if
 * - at least as many messages of the run have passed as its subscription has delivered. This count is exact for a
 *   subscription that delivered something before the run, or existed before anything arrived. For others, it assumes
 *   that they delivered none of the earlier messages of the run;
 * - or another present subscription that has delivered part of the run delivers this message too, now or later.
 * This requires identifiers that are never reused, and a broker that sends a session's messages in the order in which
 * it received them. Copies of simultaneous messages may be interleaved.
 *
 * Never copies: redeliveries (the first copy may be settled and gone), packets without an identifier or from a shared
 * subscription (another client may have the other copy), and packets with a different QoS than the first.
 *
 * Compares payloads only once copies are possible: present filters overlap, or a message arrived through a subscription
 * that is not present. It then keeps at most 64 payloads of 16 KiB.
 */
export class Copies {
  readonly #runs = new Map<string, Run>();
  /** Filters of this connection, with the identifier of their SUBSCRIBE. */
  readonly #present = new Map<string, number>();
  readonly #presentIds = new Set<number>();
  /** Position of each subscription's first message, per QoS 0 and QoS 1, which brokers queue separately. */
  readonly #firstAt = [new Map<number, number>(), new Map<number, number>()] as const;
  #packets = 0;
  #canCome = false;
  #hasCome = false;

  /** Must be called for each packet, including those that `isCopy` does not see. */
  received({ retain }: Pick<ReceivedPublish, 'retain'>): void {
    if (!retain) this.#hasCome = true;
  }

  /** Returns whether another packet has delivered this message, or will deliver it. */
  isCopy(packet: ReceivedPublish): boolean {
    const { topic, dup, retain, subscriptionIds } = packet;
    if (!this.#canCome) {
      if (subscriptionIds.every((id) => this.#presentIds.has(id) || isSharedId(id))) return false;
      this.#canCome = true;
    }
    if (subscriptionIds.length === 0 || dup || retain || subscriptionIds.some(isSharedId)) {
      this.#runs.delete(topic);
      return false;
    }
    this.#packets += 1;
    this.#saw(packet);
    const before = this.#runs.get(topic);
    const goesOn = before !== undefined && before.counts.size < MAX_IDS && isEqual(before, packet);
    const run = goesOn ? before : this.#begin(packet);
    this.#remember(topic, run);
    return this.#count(run, subscriptionIds);
  }

  #count(run: Run, ids: readonly number[]): boolean {
    const count = Math.max(...ids.map((id) => this.#countBefore(run, id) + 1));
    for (const id of ids) run.counts.set(id, count);
    const hasLeader = run.leader !== undefined && this.#presentIds.has(run.leader);
    const isLed = hasLeader && !ids.some((id) => id === run.leader);
    const isCopy = isLed || count <= run.passed;
    if (!isCopy) run.passed += 1;
    run.most = Math.max(run.most, count, run.passed);
    // Only a subscription without outstanding messages leads: the others leave future messages to the leader.
    if (!hasLeader && count <= run.passed) run.leader = ids.find((id) => this.#presentIds.has(id));
    return isCopy;
  }

  #countBefore({ counts, most, isQos1, startedAt }: Run, id: number): number {
    const wasThere = (this.#firstAt[isQos1 ? 1 : 0].get(id) ?? startedAt) < startedAt;
    return counts.get(id) ?? (wasThere ? 0 : most);
  }

  #saw({ packetId, subscriptionIds }: ReceivedPublish): void {
    const firstAt = this.#firstAt[packetId > 0 ? 1 : 0];
    for (const id of subscriptionIds) {
      if (firstAt.has(id)) continue;
      if (firstAt.size >= MAX_IDS) firstAt.clear();
      firstAt.set(id, this.#packets);
    }
  }

  #begin({ payload, whole, properties, packetId }: ReceivedPublish): Run {
    return {
      payload: remembered(payload, whole?.sha256),
      properties: propertiesHash(properties),
      isQos1: packetId > 0,
      startedAt: this.#packets,
      counts: new Map(),
      most: 0,
      passed: 0,
      leader: undefined,
    };
  }

  #remember(topic: string, run: Run): void {
    this.#runs.delete(topic);
    this.#runs.set(topic, run);
    if (this.#runs.size <= MAX_TOPICS) return;
    for (const [oldest] of this.#runs) {
      this.#runs.delete(oldest);
      break;
    }
  }

  /** Must be called before the SUBSCRIBE. */
  subscribing(filter: string, id: number): void {
    if (!isSharedId(id)) {
      for (const [other, otherId] of this.#present)
        this.#canCome ||= other !== filter && !isSharedId(otherId) && filtersOverlap(other, filter);
    }
    this.unsubscribing(filter);
    this.#present.set(filter, id);
    this.#presentIds.add(id);
  }

  /** Must be called before the UNSUBSCRIBE: the filter may deliver nothing more from then on. */
  unsubscribing(filter: string): void {
    const id = this.#present.get(filter);
    if (id === undefined) return;
    this.#present.delete(filter);
    this.#presentIds.delete(id);
  }

  /**
   * Must be called once all present filters are answered. A broker sends queued messages before it answers a SUBSCRIBE.
   * If nothing has arrived by then, every later message was published while these filters existed.
   */
  subscribed(): void {
    if (this.#hasCome) return;
    for (const firstAt of this.#firstAt) for (const id of this.#presentIds) firstAt.set(id, 0);
  }

  /** Must be called for each new connection: it subscribes again, and earlier messages prove nothing about it. */
  forget(): void {
    this.#runs.clear();
    this.#present.clear();
    this.#presentIds.clear();
    for (const firstAt of this.#firstAt) firstAt.clear();
    this.#canCome = false;
    this.#hasCome = false;
  }
}

function remembered(payload: Buffer, sha256: string | undefined): Buffer | string {
  if (sha256 !== undefined) return sha256;
  return payload.length <= MAX_PAYLOAD_BYTES ? payload : hashOf(payload);
}

function isEqual(run: Run, { payload, whole, properties, packetId }: ReceivedPublish): boolean {
  if (run.isQos1 !== packetId > 0) return false;
  const other = remembered(payload, whole?.sha256);
  const isSame = Buffer.isBuffer(run.payload)
    ? Buffer.isBuffer(other) && run.payload.equals(other)
    : run.payload === other;
  return isSame && run.properties === propertiesHash(properties);
}

/** Excludes the remaining lifetime of the message, which a broker counts down. */
function propertiesHash(properties: PublishProperties | undefined): string {
  if (properties === undefined) return '';
  const { userProperties, contentType, responseTopic, correlationData, payloadFormatIndicator } = properties;
  const correlation = correlationData?.toString('base64');
  return hashOf(JSON.stringify([userProperties, contentType, responseTopic, correlation, payloadFormatIndicator]));
}

function hashOf(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
