/** Longer than Pub/Sub's longest backoff (600 s): a message that has not come back by then will not. */
const FORGET_AFTER_MS = 660_000;

/** What was received after `from` and before `to` has to go back; it comes again behind the message that went back. */
interface Window {
  readonly from: number;
  to: number;
}

interface Block {
  /** Oldest first; only the last may be open, which is: to Infinity. */
  windows: Window[];
  /** Ids of the message that went back, and of those that were refused on arrival since. */
  returned: Set<string>;
  since: number;
}

/**
 * Keeps the order of an ordering key when one of its messages goes back. Pub/Sub delivers that message again, and all
 * later ones of its key after it. So the later ones that are here already, or still on their way, have to go back too,
 * or they would overtake it.
 *
 * A key is blocked from a nack, or the end of a lease, until its message is here again, or one that was refused meanwhile: Pub/Sub redelivers in
 * order, so when a later one comes a second time, the earlier one has left the subscription (expired, or set aside by
 * its dead-letter policy). In that case the key goes on, and its next messages may have changed places.
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
      returned: new Set([messageId]),
      since: now,
    });
  }

  /** Whether a message that is received now may enter; if not, it has to go back at once. */
  admits(key: string, messageId: string, sequence: number): boolean {
    const block = this.#blocks.get(key);
    const window = block?.windows.at(-1);
    if (block === undefined || window?.to !== Number.POSITIVE_INFINITY) return true;
    if (!block.returned.has(messageId)) {
      block.returned.add(messageId);
      return false;
    }
    window.to = sequence;
    return true;
  }

  /** Whether a message that was received before has to go back, since an earlier one of its key did. */
  mustReturn(key: string, sequence: number): boolean {
    if (this.#blocks.size === 0) return false;
    const windows = this.#blocks.get(key)?.windows ?? [];
    return windows.some(({ from, to }) => from < sequence && sequence < to);
  }

  /** Forgets windows with nothing so old around, and keys whose messages will not come any more. */
  review(oldestSequence: number, now: number): void {
    for (const [key, block] of this.#blocks) {
      block.windows = block.windows.filter(({ to }) => oldestSequence < to);
      if (block.windows.length === 0 || now - block.since > FORGET_AFTER_MS) this.#blocks.delete(key);
    }
  }
}
