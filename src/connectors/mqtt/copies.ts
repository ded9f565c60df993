import { createHash } from 'node:crypto';
import { isSharedId } from './subscription-id.ts';
import { filtersOverlap } from './topic-filter.ts';
import type { PublishProperties } from './wire/publish-properties.ts';
import type { ReceivedPublish } from './wire/publish-reader.ts';

/** Topics whose last message is remembered. Copies follow each other; messages of other topics may come between. */
const MAX_TOPICS = 64;
/** Longer payloads are remembered by their hash. */
const MAX_PAYLOAD_BYTES = 16 * 1024;
/** Identifiers that are kept of what has come. A session has as many as it has filters, but a broker may send any. */
const MAX_IDS = 1_000;

/** Equal packets that follow each other on a topic. */
interface Run {
  readonly payload: Buffer | string;
  readonly properties: string;
  readonly isQos1: boolean;
  readonly startedAt: number;
  /** Upper bound of the messages that each subscription has brought, with those before its first one. */
  readonly counts: Map<number, number>;
  /** The greatest of the counts. */
  most: number;
  passed: number;
  /** The identifier of a present subscription: of the others' messages each comes by this one as well. */
  leader: number | undefined;
}

/**
 * Recognizes second copies of a message: MQTT 5 brokers may send one for each subscription that matches its topic.
 *
 * Equal packets that follow each other on a topic may be copies, or messages: one of a subscription that ended, and one of
 * a subscription that began after it. So a packet counts as a copy only if
 * - as many messages of the run have passed as its subscription has brought. That is known of a subscription which has
 *   brought something before the run, or was there before anything came: it was there from the run's beginning. Others
 *   count as if all before was not theirs.
 * - or a subscription that has brought some of the run is there still. It brings this message too, if it has not yet.
 * It needs identifiers that are never used twice, and a broker that sends a session's messages in the order in which it got
 * them. Copies of messages that came at the same time may be mixed.
 *
 * Never a copy: a redelivery (its first copy may be settled, and gone), what has come without an identifier or by a shared
 * subscription (another client may have the other copy), and what has another QoS than the first one.
 *
 * Looks at payloads only once there can be copies: present filters overlap, or a message has come by a subscription that is
 * not a present one. From then on it holds at most 64 payloads of 16 KiB.
 */
export class Copies {
  readonly #runs = new Map<string, Run>();
  /** This connection's filters, each with the identifier of its SUBSCRIBE. */
  readonly #present = new Map<string, number>();
  readonly #presentIds = new Set<number>();
  /** When each subscription brought its first message of QoS 0, and of QoS 1: they are queued apart. */
  readonly #firstAt = [new Map<number, number>(), new Map<number, number>()] as const;
  #packets = 0;
  #canCome = false;
  #hasCome = false;

  /** To be called with each packet, also with those that are not asked about. */
  received({ retain }: Pick<ReceivedPublish, 'retain'>): void {
    if (!retain) this.#hasCome = true;
  }

  /** Returns whether another packet has brought this message, or will bring it. */
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
    // Only one that nothing is left to pass of: others leave to the leader what is to come.
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

  /** To be called before the SUBSCRIBE. */
  subscribing(filter: string, id: number): void {
    if (!isSharedId(id)) {
      for (const [other, otherId] of this.#present)
        this.#canCome ||= other !== filter && !isSharedId(otherId) && filtersOverlap(other, filter);
    }
    this.unsubscribing(filter);
    this.#present.set(filter, id);
    this.#presentIds.add(id);
  }

  /** To be called before the UNSUBSCRIBE: from now on the filter may bring nothing more. */
  unsubscribing(filter: string): void {
    const id = this.#present.get(filter);
    if (id === undefined) return;
    this.#present.delete(filter);
    this.#presentIds.delete(id);
  }

  /**
   * To be called once all present filters are answered. A broker sends what it has queued before it answers a SUBSCRIBE: if
   * nothing has come, all that comes was published with these filters there.
   */
  subscribed(): void {
    if (this.#hasCome) return;
    for (const firstAt of this.#firstAt) for (const id of this.#presentIds) firstAt.set(id, 0);
  }

  /** To be called at each new connection: it subscribes anew, and what came over an earlier one proves nothing. */
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

/** Without what is left of the message's life, which a broker counts down. */
function propertiesHash(properties: PublishProperties | undefined): string {
  if (properties === undefined) return '';
  const { userProperties, contentType, responseTopic, correlationData, payloadFormatIndicator } = properties;
  const correlation = correlationData?.toString('base64');
  return hashOf(JSON.stringify([userProperties, contentType, responseTopic, correlation, payloadFormatIndicator]));
}

function hashOf(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
