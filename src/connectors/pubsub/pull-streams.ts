import { PullStream, type PullStreamOptions } from './pull-stream.ts';

/** The StreamingPulls of one subscription, which open, flow and close together. */
export class PullStreams {
  readonly #streams: readonly PullStream[];
  #flowing = true;

  constructor(count: number, options: PullStreamOptions) {
    this.#streams = Array.from({ length: count }, () => new PullStream(options));
  }

  open(): void {
    for (const stream of this.#streams) stream.open();
  }

  /** Lets all flow, or holds all. Asked for each message: what is so already costs nothing. */
  flow(flowing: boolean): void {
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    for (const stream of this.#streams) {
      if (flowing) stream.resume();
      else stream.pause();
    }
  }

  /** Ends all for good, and resolves when nothing more can arrive. */
  async close(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => stream.close()));
  }
}
