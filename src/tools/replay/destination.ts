import type { Original } from '../../core/message.ts';

/** A destination of replayed messages. */
export interface Destination {
  /** Describes for the user where messages go, and who else gets them. */
  readonly description: string;
  /**
   * Resolves once the other side has confirmed. Rejects with a PoisonError if it refuses this original, with any other
   * error if it fails.
   */
  send(original: Original): Promise<void>;
  close(): Promise<void>;
}
