import type { Ending } from './ledger.ts';
import type { Attributes } from './message.ts';

/** The part of a distributed trace that one traced message has in this service, from receipt to settlement. */
export interface MessageTrace {
  /** Attributes that continue the trace in the next service. They replace attributes of the same names. */
  readonly attributes: Attributes;
  /** Records that the message passed a stage of the graph. */
  pass(stage: string): void;
  /** Begins work on this message alone, such as a lookup. Returns the function that ends it, with its error if it failed. */
  begin(work: string): (error?: Error) => void;
  /** Records the error that the message fails with. It does not end the trace. */
  fail(error: Error): void;
  /** Ends this part of the trace. Further calls have no effect. */
  end(ending: Ending): void;
}
