import { setTimeout as sleep } from 'node:timers/promises';
import type { v1 } from '@google-cloud/pubsub';
import { LRUCache } from 'lru-cache';
import { asCallError } from '../../connectors/google/errors.ts';
import { type DeadLetter, readDeadLetter } from '../../dead-letters/read-dead-letter.ts';
import { retryFor } from '../../operators/retry.ts';

const PAGE = 200;
/** Ack ids in one call, well below Pub/Sub's 512 KiB per request. */
const IDS_PER_CALL = 1_000;
const PAUSE_MS = 200;
/** Dead letters held concurrently; each keeps its two ids, about 400 bytes. */
const MAX_HELD = 100_000;
const CALL = { retry: null, timeout: 30_000 };

export interface DeadLetterReaderOptions {
  readonly client: v1.SubscriberClient;
  /** Full name: `projects/p/subscriptions/s`. */
  readonly subscription: string;
  /** Length of a lease in seconds, 10 to 600; extended three times as often. */
  readonly leaseSeconds?: number;
  /** Reading ends after this time without new dead letters: Pub/Sub has no call that shows whether more are left. */
  readonly quietMs?: number;
}

/**
 * Reads a dead-letter subscription page by page, by Pull. Dead letters stay leased, so that other readers do not get
 * them, and are returned by `close()` unless acknowledged: reading alone changes nothing. A repeated dead letter is
 * shown once.
 */
export class DeadLetterReader {
  readonly #options: Required<DeadLetterReaderOptions>;
  /** Ack ids by dead letter id. */
  readonly #held = new Map<string, string>();
  /** Keeps a dead letter with a late acknowledgment from being treated as new. */
  readonly #done = new LRUCache<string, true>({ max: MAX_HELD });
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: DeadLetterReaderOptions) {
    this.#options = { leaseSeconds: 60, quietMs: 2_000, ...options };
    this.#heartbeat = setInterval(
      () => {
        // A lease that ends early only causes a redelivery; the next beat extends again.
        this.#lease([...this.#held.values()], this.#options.leaseSeconds).catch(() => {});
      },
      (this.#options.leaseSeconds * 1_000) / 3,
    );
  }

  /** True when the maximum number of dead letters is held, which stops reading. */
  get isFull(): boolean {
    return this.#held.size >= MAX_HELD;
  }

  /** Yields dead letters in pages until nothing new arrives, the reader is full, or the signal is given. */
  async *pages(signal: AbortSignal): AsyncGenerator<readonly DeadLetter[]> {
    const { client, subscription, leaseSeconds, quietMs } = this.#options;
    const request = { subscription, maxMessages: PAGE, returnImmediately: true };
    for (let newAt = performance.now(); performance.now() - newAt < quietMs && !this.isFull && !signal.aborted; ) {
      const [{ receivedMessages }] = await retryFor(() => client.pull(request, CALL), asCallError);
      const page: DeadLetter[] = [];
      const leases: string[] = [];
      const late: string[] = [];
      for (const { message, ackId } of receivedMessages ?? []) {
        if (!message || !ackId) continue;
        const deadLetter = readDeadLetter(message);
        if (this.#done.has(deadLetter.id)) late.push(ackId);
        else {
          leases.push(ackId);
          if (!this.#held.has(deadLetter.id)) page.push(deadLetter);
          this.#held.set(deadLetter.id, ackId);
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

  /** Removes dead letters from the subscription. Rejects if that cannot be confirmed: they are then redelivered. */
  async acknowledge(deadLetters: readonly DeadLetter[]): Promise<void> {
    await this.#acknowledge(deadLetters.flatMap(({ id }) => this.#held.get(id) ?? []));
    for (const { id } of deadLetters) {
      this.#held.delete(id);
      this.#done.set(id, true);
    }
  }

  /** Returns the held dead letters. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    const ackIds = [...this.#held.values()];
    this.#held.clear();
    await retryFor(() => this.#lease(ackIds, 0), asCallError);
  }

  async #acknowledge(all: readonly string[]): Promise<void> {
    const { client, subscription } = this.#options;
    for (const ackIds of inChunks(all)) {
      await retryFor(() => client.acknowledge({ subscription, ackIds }, CALL), asCallError);
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
