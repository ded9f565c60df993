/** Exceeds Pub/Sub's longest backoff (600 s): a message that has not come back by then never will. */
const FORGET_AFTER_MS = 660_000;

/**
 * Messages received after `from` and before `to` must go back. Pub/Sub redelivers them after the message that went
 * back.
 */
interface Window {
  readonly from: number;
  to: number;
}

/** Copies of one message that may be in transit, sent before the server received the nack. */
const MAX_REFUSALS = 3;

interface Block {
  /** Oldest first. Only the last window may be open, with `to` at Infinity. */
  windows: Window[];
  /** The message that went back. */
  messageId: string;
  /** Refusals on arrival of other messages since then, by id. */
  refused: Map<string, number>;
  since: number;
}

/**
 * Keeps the order of an ordering key when one of its messages goes back. Pub/Sub redelivers that message and then all
 * later ones of its key, so the later ones that already arrived or are in transit must go back too. Otherwise they
 * would overtake it.
 *
 * A nack or an ended lease blocks the key until its message returns. If a later message keeps coming instead, the
 * earlier one has left the subscription (expired, or removed by its dead-letter policy): the key continues, and its
 * next messages may be out of order.
 *
 * A sequence is the position in the order of receipt. Few messages are outstanding, so windows stay few.
 */
export class OrderBarrier {
  readonly #blocks = new Map<string, Block>();

  /** Keys that are blocked, or that have outstanding messages that must go back. */
  get size(): number {
    return this.#blocks.size;
  }

  /** Records that a message went back, or that its lease ended. */
  returned(key: string, messageId: string, sequence: number, now: number): void {
    // It had to go back anyway. Another copy may already be in transit and must not lift the block.
    if (this.mustReturn(key, sequence)) return;
    const earlier = this.#blocks.get(key)?.windows.filter(({ from }) => from < sequence) ?? [];
    this.#blocks.set(key, {
      windows: [...earlier, { from: sequence, to: Number.POSITIVE_INFINITY }],
      messageId,
      refused: new Map(),
      since: now,
    });
  }

  /** Returns whether an arriving message may enter. If not, it must go back immediately. */
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

  /** Returns whether an already received message must go back because its predecessor did. */
  mustReturn(key: string, sequence: number): boolean {
    if (this.#blocks.size === 0) return false;
    const windows = this.#blocks.get(key)?.windows ?? [];
    return windows.some(({ from, to }) => from < sequence && sequence < to);
  }

  /**
   * Drops windows older than every outstanding message, and lifts blocks whose message will not return.
   *
   * @param oldest sequence of the oldest message that the graph may hold.
   * @param next sequence of the next message to be received.
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
