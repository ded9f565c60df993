/** Longer than Pub/Sub's longest backoff (600 s): a message that has not come back by then will not. */
const FORGET_AFTER_MS = 660_000;

/** Messages received after `from` and before `to` go back; they come again behind the message that went back. */
interface Window {
  readonly from: number;
  to: number;
}

/** Copies of one message that may be on their way, sent before the server heard of the nack. */
const MAX_REFUSALS = 3;

interface Block {
  /** Oldest first; only the last may be open, which is: to Infinity. */
  windows: Window[];
  /** Of the message that went back. */
  messageId: string;
  /** Refusals of other messages on arrival since, by id. */
  refused: Map<string, number>;
  since: number;
}

/**
 * Keeps the order of an ordering key when one of its messages goes back. Pub/Sub delivers that message again, and all
 * later ones of its key after it. So the later ones that are here already, or still on their way, have to go back too,
 * or they would overtake it.
 *
 * A key is blocked from a nack, or the end of a lease, until its message is here again. Pub/Sub redelivers in order: when
 * a later one comes again and again, the earlier one has left the subscription (expired, or set aside by its
 * dead-letter policy). Then the key goes on, and its next messages may have changed places.
 *
 * A sequence counts what was received, in order. What is around is few, so windows are few too.
 */
export class OrderBarrier {
  readonly #blocks = new Map<string, Block>();

  /** Keys that are blocked, or have messages around that must go back. */
  get size(): number {
    return this.#blocks.size;
  }

  /** A message went back, or its lease ended. */
  returned(key: string, messageId: string, sequence: number, now: number): void {
    // One that had to go back anyway: another copy of it may be on its way already, and must not lift the block.
    if (this.mustReturn(key, sequence)) return;
    const earlier = this.#blocks.get(key)?.windows.filter(({ from }) => from < sequence) ?? [];
    this.#blocks.set(key, {
      windows: [...earlier, { from: sequence, to: Number.POSITIVE_INFINITY }],
      messageId,
      refused: new Map(),
      since: now,
    });
  }

  /** Returns whether a message that arrives now may enter; if not, it has to go back at once. */
  admits(key: string, messageId: string, sequence: number): boolean {
    const block = this.#blocks.get(key);
    const window = block?.windows.at(-1);
    if (block === undefined || window?.to !== Number.POSITIVE_INFINITY) return true;
    const refusals = block.refused.get(messageId) ?? 0;
    if (messageId !== block.messageId && refusals < MAX_REFUSALS) {
      block.refused.set(messageId, refusals + 1);
      return false;
    }
    window.to = sequence;
    block.refused.clear();
    return true;
  }

  /** Returns whether an earlier received message has to go back because its predecessor did. */
  mustReturn(key: string, sequence: number): boolean {
    if (this.#blocks.size === 0) return false;
    const windows = this.#blocks.get(key)?.windows ?? [];
    return windows.some(({ from, to }) => from < sequence && sequence < to);
  }

  /**
   * Forgets windows with nothing so old around, and lifts blocks whose messages will not come any more.
   *
   * @param oldest sequence of what the graph may still hold.
   * @param next sequence of what will be received next.
   */
  review({ oldest, next, now }: { oldest: number; next: number; now: number }): void {
    for (const [key, block] of this.#blocks) {
      const last = block.windows.at(-1);
      if (last?.to === Number.POSITIVE_INFINITY && now - block.since > FORGET_AFTER_MS) last.to = next;
      block.windows = block.windows.filter(({ to }) => oldest < to);
      if (block.windows.length === 0) this.#blocks.delete(key);
    }
  }
}
