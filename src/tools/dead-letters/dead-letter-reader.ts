import { setTimeout as sleep } from 'node:timers/promises';
import type { v1 } from '@google-cloud/pubsub';
import { LRUCache } from 'lru-cache';
import { asCallError } from '../../connectors/google/grpc-errors.ts';
import { type Letter, readLetter } from '../../dead-letters/dead-letter.ts';
import { patiently } from '../../operators/retry-for.ts';

const PAGE = 200;
/** Ack ids in one call: well under Pub/Sub's 512 KiB a request. */
const IDS_PER_CALL = 1_000;
const PAUSE_MS = 200;
/** Letters held at one time; of each its two ids are kept, about 400 bytes. */
const MAX_HELD = 100_000;
const CALL = { retry: null, timeout: 30_000 };

export interface LetterBoxOptions {
  readonly client: v1.SubscriberClient;
  /** Full name: `projects/p/subscriptions/s`. */
  readonly subscription: string;
  /** Length of a lease, extended three times as often. 10 to 600. */
  readonly leaseSeconds?: number;
  /** When nothing new has come for so long, that was all: Pub/Sub has no call that tells whether there is more. */
  readonly quietMs?: number;
}

/**
 * Reads a dead-letter subscription page by page, by Pull. What is read stays leased, and is given back by `close()`
 * unless it was acknowledged: so nobody else reads it meanwhile, and reading alone changes nothing. A letter that comes
 * twice is shown once.
 */
export class LetterBox {
  readonly #options: Required<LetterBoxOptions>;
  /** Ack ids by letter id. */
  readonly #held = new Map<string, string>();
  /** So that one whose acknowledgement was late is not taken for a new one. */
  readonly #done = new LRUCache<string, true>({ max: MAX_HELD });
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: LetterBoxOptions) {
    this.#options = { leaseSeconds: 60, quietMs: 2_000, ...options };
    this.#heartbeat = setInterval(
      () => {
        // A lease that ends early makes a letter come again, and is no reason to stop: the next beat asks anew.
        this.#lease([...this.#held.values()], this.#options.leaseSeconds).catch(() => {});
      },
      (this.#options.leaseSeconds * 1_000) / 3,
    );
  }

  /** Reading stops when so many letters are held that do not leave the box. */
  get isFull(): boolean {
    return this.#held.size >= MAX_HELD;
  }

  /** Letters in pages, until nothing new comes, the box is full, or the signal is given. */
  async *pages(signal: AbortSignal): AsyncGenerator<readonly Letter[]> {
    const { client, subscription, leaseSeconds, quietMs } = this.#options;
    const request = { subscription, maxMessages: PAGE, returnImmediately: true };
    for (let newAt = performance.now(); performance.now() - newAt < quietMs && !this.isFull && !signal.aborted; ) {
      const [{ receivedMessages }] = await patiently(() => client.pull(request, CALL), asCallError);
      const page: Letter[] = [];
      const leases: string[] = [];
      const late: string[] = [];
      for (const { message, ackId } of receivedMessages ?? []) {
        if (!message || !ackId) continue;
        const letter = readLetter(message);
        if (this.#done.has(letter.id)) late.push(ackId);
        else {
          leases.push(ackId);
          if (!this.#held.has(letter.id)) page.push(letter);
          this.#held.set(letter.id, ackId);
        }
      }
      if (late.length > 0) await this.#acknowledge(late);
      await this.#lease(leases, leaseSeconds).catch(() => {});
      if (page.length > 0) {
        yield page;
        newAt = performance.now();
      } else await sleep(Math.min(PAUSE_MS, quietMs), undefined, { signal }).catch(() => {});
    }
  }

  /** Takes letters out of the subscription. Rejects when that cannot be confirmed: then they come again. */
  async acknowledge(letters: readonly Letter[]): Promise<void> {
    await this.#acknowledge(letters.flatMap(({ id }) => this.#held.get(id) ?? []));
    for (const { id } of letters) {
      this.#held.delete(id);
      this.#done.set(id, true);
    }
  }

  /** Gives back what is held. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    const ackIds = [...this.#held.values()];
    this.#held.clear();
    await patiently(() => this.#lease(ackIds, 0), asCallError);
  }

  async #acknowledge(all: readonly string[]): Promise<void> {
    const { client, subscription } = this.#options;
    for (const ackIds of inChunks(all)) {
      await patiently(() => client.acknowledge({ subscription, ackIds }, CALL), asCallError);
    }
  }

  async #lease(all: readonly string[], ackDeadlineSeconds: number): Promise<void> {
    const { client, subscription } = this.#options;
    for (const ackIds of inChunks(all)) {
      await client.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds }, CALL);
    }
  }
}

function inChunks(ids: readonly string[]): string[][] {
  const chunks = Math.ceil(ids.length / IDS_PER_CALL);
  return Array.from({ length: chunks }, (_, index) => ids.slice(index * IDS_PER_CALL, (index + 1) * IDS_PER_CALL));
}
