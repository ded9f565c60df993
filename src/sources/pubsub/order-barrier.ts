/** Longer than Pub/Sub's longest backoff (600 s): a message that has not come back by then will not. */
const FORGET_AFTER_MS = 660_000;

interface Block {
  /** Ids of the message that went back, and of those that were refused on arrival since. */
  readonly returned: Set<string>;
  /** What was received before this may not pass any more: its successors come again, and it with them. */
  passFrom: number;
  since: number;
}

/**
 * Keeps the order of an ordering key when one of its messages goes back. Pub/Sub delivers that message again, and all
 * later ones of its key after it. So the later ones that are here already, or still on their way, have to go back too,
 * or they would overtake it.
 *
 * A key is blocked from a nack until its message is here again, or one that was refused meanwhile: Pub/Sub redelivers in
 * order, so when a later one comes a second time, the earlier one has left the subscription (expired, or set aside by
 * its dead-letter policy). In that case the key goes on, and its next messages may have changed places.
 */
export class OrderBarrier {
  readonly #blocks = new Map<string, Block>();

  /** Keys that are blocked, or have older messages around. */
  get size(): number {
    return this.#blocks.size;
  }

  /** A message went back. */
  returned(key: string, messageId: string, sequence: number, now: number): void {
    const block = this.#blocks.get(key);
    if (block === undefined) {
      const returned = new Set([messageId]);
      this.#blocks.set(key, { returned, passFrom: Number.POSITIVE_INFINITY, since: now });
      return;
    }
    // One that was to go back anyway; another copy of it may be on its way already, and must not lift the block.
    if (sequence < block.passFrom) return;
    block.returned.clear();
    block.returned.add(messageId);
    block.passFrom = Number.POSITIVE_INFINITY;
    block.since = now;
  }

  /** Whether a message that is received now may enter; if not, it has to go back at once. */
  admits(key: string, messageId: string, sequence: number): boolean {
    const block = this.#blocks.get(key);
    if (block === undefined || block.passFrom !== Number.POSITIVE_INFINITY) return true;
    if (!block.returned.has(messageId)) {
      block.returned.add(messageId);
      return false;
    }
    block.passFrom = sequence;
    block.returned.clear();
    return true;
  }

  /** Whether a message that was received before has to go back, since an earlier one of its key did. */
  mustReturn(key: string, sequence: number): boolean {
    if (this.#blocks.size === 0) return false;
    const block = this.#blocks.get(key);
    return block !== undefined && sequence < block.passFrom;
  }

  /** Forgets lifted blocks with nothing older around, and those whose messages will not come any more. */
  review(oldestSequence: number, now: number): void {
    for (const [key, block] of this.#blocks) {
      const blocked = block.passFrom === Number.POSITIVE_INFINITY;
      if (blocked ? now - block.since > FORGET_AFTER_MS : oldestSequence >= block.passFrom) this.#blocks.delete(key);
    }
  }
}
