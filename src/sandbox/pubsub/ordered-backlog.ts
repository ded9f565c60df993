import { type Backlog, UnorderedBacklog } from './backlog.ts';
import { Deque } from './deque.ts';
import type { Consumer, Entry } from './entry.ts';

/** The messages of one ordering key: those that wait, and from the oldest unacknowledged one on those delivered. */
class Lane {
  readonly waiting = new Deque<Entry>();
  window: Entry[] = [];
  /** The only consumer that may take more while the window is not empty. */
  consumer: Consumer | undefined = undefined;
  /** The list in which it stands to be taken from. */
  listedIn: Deque<Lane> | undefined = undefined;
  /** Its head is held back by the retry policy. */
  held = false;
}

/**
 * In order per key (https://cloud.google.com/pubsub/docs/ordering): messages of a key go to one consumer as long as one
 * of them is outstanding; when one comes back, so do all later ones of its key, even acknowledged ones. Messages without
 * a key have no order.
 */
export class OrderedBacklog implements Backlog {
  readonly #unkeyed = new UnorderedBacklog();
  readonly #lanes = new Map<string, Lane>();
  readonly #free = new Deque<Lane>();
  readonly #pinned = new WeakMap<Consumer, Deque<Lane>>();
  #waiting = 0;
  #unkeyedIsNext = false;

  get size(): number {
    return this.#waiting + this.#unkeyed.size;
  }

  add(entry: Entry): void {
    const key = entry.message.orderingKey;
    if (key === '') {
      this.#unkeyed.add(entry);
      return;
    }
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane();
      this.#lanes.set(key, lane);
    }
    lane.waiting.push(entry);
    this.#waiting += 1;
    this.#list(lane);
  }

  take(consumer: Consumer): Entry | undefined {
    this.#unkeyedIsNext = !this.#unkeyedIsNext;
    return this.#unkeyedIsNext
      ? (this.#unkeyed.take() ?? this.#takeKeyed(consumer))
      : (this.#takeKeyed(consumer) ?? this.#unkeyed.take());
  }

  done(entry: Entry): void {
    const lane = this.#lanes.get(entry.message.orderingKey);
    if (lane === undefined) return;
    entry.acked = true;
    let settled = 0;
    while (lane.window[settled]?.acked) settled += 1;
    if (settled === lane.window.length) lane.window = [];
    else if (settled > 0) lane.window.splice(0, settled);
    this.#unpinIfEmpty(entry.message.orderingKey, lane);
  }

  drop(entry: Entry): void {
    const lane = this.#lanes.get(entry.message.orderingKey);
    if (lane === undefined) return;
    lane.window.splice(lane.window.indexOf(entry), 1);
    this.#unpinIfEmpty(entry.message.orderingKey, lane);
  }

  giveBack(entry: Entry, held: boolean, once: boolean): readonly Entry[] {
    const lane = this.#lanes.get(entry.message.orderingKey);
    if (lane === undefined) return this.#unkeyed.giveBack(entry, held);
    const cut = lane.window.splice(lane.window.indexOf(entry));
    const returned = once ? cut.filter((later) => !later.acked) : cut;
    for (const later of returned.toReversed()) {
      later.acked = false;
      lane.waiting.unshift(later);
      this.#waiting += 1;
    }
    lane.held = held;
    this.#unpinIfEmpty(entry.message.orderingKey, lane);
    this.#list(lane);
    return returned.slice(1);
  }

  resume(entry: Entry): void {
    const lane = this.#lanes.get(entry.message.orderingKey);
    if (lane === undefined) {
      this.#unkeyed.resume(entry);
      return;
    }
    if (lane.waiting.first !== entry) return;
    lane.held = false;
    this.#list(lane);
  }

  #takeKeyed(consumer: Consumer): Entry | undefined {
    return this.#takeFrom(this.#pinned.get(consumer), consumer) ?? this.#takeFrom(this.#free, consumer);
  }

  #takeFrom(list: Deque<Lane> | undefined, consumer: Consumer): Entry | undefined {
    for (let lane = list?.shift(); lane !== undefined; lane = list?.shift()) {
      if (lane.listedIn !== list) continue;
      lane.listedIn = undefined;
      const entry = lane.held ? undefined : lane.waiting.shift();
      if (entry === undefined) continue;
      this.#waiting -= 1;
      lane.window.push(entry);
      lane.consumer = consumer;
      this.#list(lane);
      return entry;
    }
    return undefined;
  }

  /** Puts a lane where its next message can be taken from; an entry it has in another list becomes stale. */
  #list(lane: Lane): void {
    if (lane.held || lane.waiting.size === 0) return;
    let list = this.#free;
    if (lane.consumer !== undefined) {
      const pinned = this.#pinned.get(lane.consumer);
      list = pinned ?? new Deque<Lane>();
      if (pinned === undefined) this.#pinned.set(lane.consumer, list);
    }
    if (lane.listedIn === list) return;
    lane.listedIn = list;
    list.push(lane);
  }

  #unpinIfEmpty(key: string, lane: Lane): void {
    if (lane.window.length > 0) return;
    lane.consumer = undefined;
    if (lane.waiting.size === 0) this.#lanes.delete(key);
    else this.#list(lane);
  }
}
