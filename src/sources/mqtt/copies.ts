import { createHash } from 'node:crypto';
import type { ReceivedPublish } from './publish-reader.ts';
import { isSharedId, subscriptionIdOf } from './subscription-id.ts';
import { filtersOverlap } from './topic-filter.ts';

/** Topics whose last message is remembered. Copies follow each other; messages of other topics may come between. */
const MAX_TOPICS = 64;
/** Longer payloads are remembered by their hash. */
const MAX_PAYLOAD_BYTES = 16 * 1024;

/** A message, and the subscriptions that it has come by so far. */
interface Run {
  readonly payload: Buffer | string;
  readonly packetId: number;
  readonly ids: Set<number>;
}

/**
 * Recognizes second copies of a message: MQTT 5 brokers may send one for each subscription that matches its topic.
 *
 * A copy has the topic and the payload of the message before it on that topic, and has come by another subscription. So
 * no message is lost while one of the subscriptions gets a copy of each: of several equal messages, as many pass as have
 * come by any one of the subscriptions. The end of a subscription therefore forgets what was before.
 *
 * Never a copy: a redelivery (its first copy may be settled, and gone), what has come without an identifier or by a
 * shared subscription (another client may have the other copy) or one that has ended, and QoS 1 behind QoS 0, which a crash would lose.
 *
 * Looks at payloads only once there can be copies: present filters overlap, or a message has come by a subscription that is
 * not a present one. From then on it holds at most 64 payloads of 16 KiB.
 */
export class Copies {
  readonly #runs = new Map<string, Run>();
  /** Present filters that may bring copies, by their identifiers. */
  readonly #present = new Map<number, string>();
  readonly #ended = new Set<number>();
  #canCome = false;
  /** The message before, while no copy can come: the first one that is not by a present filter may be its copy. */
  #before: ReceivedPublish | undefined;

  /** Whether the message before on its topic was the same one. */
  isCopy(packet: ReceivedPublish): boolean {
    const { subscriptionIds } = packet;
    if (!this.#canCome) {
      const id = subscriptionIds[0];
      if (id === undefined) {
        this.#before = undefined;
        return false;
      }
      if (subscriptionIds.length === 1 && this.#isUsual(id)) {
        this.#before = packet;
        return false;
      }
      this.#canCome = true;
      if (this.#before !== undefined) this.#isCopy(this.#before);
      this.#before = undefined;
    }
    return this.#isCopy(packet);
  }

  #isUsual(id: number): boolean {
    return this.#present.has(id) || isSharedId(id);
  }

  #isCopy({ topic, payload, whole, packetId, dup, retain, subscriptionIds }: ReceivedPublish): boolean {
    const known = this.#runs.get(topic);
    if (subscriptionIds.length === 0 || dup || retain || subscriptionIds.some((id) => this.#isAlone(id))) {
      if (known !== undefined) this.#runs.delete(topic);
      return false;
    }
    const isOther = known !== undefined && !subscriptionIds.some((id) => known.ids.has(id));
    if (isOther && (known.packetId > 0 || packetId === 0) && isEqual(known.payload, payload, whole?.sha256)) {
      for (const id of subscriptionIds) known.ids.add(id);
      return true;
    }
    this.#runs.delete(topic);
    this.#runs.set(topic, { payload: remembered(payload, whole?.sha256), packetId, ids: new Set(subscriptionIds) });
    if (this.#runs.size > MAX_TOPICS)
      for (const [oldest] of this.#runs) {
        this.#runs.delete(oldest);
        break;
      }
    return false;
  }

  #isAlone(id: number): boolean {
    return isSharedId(id) || this.#ended.has(id);
  }

  /** A subscription has begun: it may bring copies. */
  subscribed(filter: string): void {
    const id = subscriptionIdOf(filter);
    this.#ended.delete(id);
    if (isSharedId(id)) return;
    for (const other of this.#present.values()) this.#canCome ||= other !== filter && filtersOverlap(other, filter);
    this.#present.set(id, filter);
  }

  /** A subscription has ended. What was queued under it may come still, and is the only copy. */
  unsubscribed(filter: string): void {
    const id = subscriptionIdOf(filter);
    this.#ended.add(id);
    this.#present.delete(id);
    this.forget();
  }

  /** To be called at each new connection. */
  forget(): void {
    this.#runs.clear();
    this.#before = undefined;
  }
}

function remembered(payload: Buffer, sha256: string | undefined): Buffer | string {
  if (sha256 !== undefined) return sha256;
  return payload.length <= MAX_PAYLOAD_BYTES ? payload : hashOf(payload);
}

function isEqual(known: Buffer | string, payload: Buffer, sha256: string | undefined): boolean {
  if (typeof known !== 'string') return sha256 === undefined && known.equals(payload);
  return known === (sha256 ?? (payload.length <= MAX_PAYLOAD_BYTES ? '' : hashOf(payload)));
}

function hashOf(payload: Buffer): string {
  return createHash('sha256').update(payload).digest('hex');
}
