import { PullStream, type PullStreamOptions } from './pull-stream.ts';

/** The StreamingPulls of one subscription, which open, pause and close together. */
export class PullStreams {
  readonly #streams: readonly PullStream[];
  #flowing = true;

  constructor(count: number, options: PullStreamOptions) {
    this.#streams = Array.from({ length: count }, () => new PullStream(options));
  }

  open(): void {
    for (const stream of this.#streams) stream.open();
  }

  /** Resumes or pauses all streams. Called for each message: an unchanged state costs nothing. */
  flow(flowing: boolean): void {
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    for (const stream of this.#streams) {
      if (flowing) stream.resume();
      else stream.pause();
    }
  }

  /** Ends all streams for good, and resolves when no more messages can arrive. */
  async close(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => stream.close()));
  }
}
