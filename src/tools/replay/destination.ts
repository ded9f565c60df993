import type { Original } from '../../core/message.ts';

/** A destination of replayed messages. */
export interface Destination {
  /** In words, for people: where to, and who gets it beside the pipeline. */
  readonly description: string;
  /**
   * Resolves once the other side has confirmed. Rejects with a PoisonError if this original cannot be put there, with
   * anything else if the other side fails.
   */
  send(original: Original): Promise<void>;
  close(): Promise<void>;
}
