import type { Outcome } from './delivery.ts';

/** How the messages ended whose publish time is in one minute. */
export interface MinuteCount {
  /** UTC, such as `2026-11-29T12:10`. */
  readonly minute: string;
  acked: number;
  deadLettered: number;
  dropped: number;
}

/** Minutes that are kept; a message of another one makes the minute go that was counted in least recently. */
const MAX_MINUTES = 180;
const MINUTE = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;
const MINUTE_LENGTH = 16;

/**
 * Counts the outcomes of a graph by the minute of each message's publish time, which is the same in every service. Nacks
 * are left out: those messages come again. Holds at most 180 minutes, whatever times messages carry; messages that follow
 * each other are mostly of one minute, which makes a count cost one comparison of 16 characters.
 */
export class MinuteCounts {
  readonly #counts = new Map<string, Counted>();
  #last: Counted = newCount('-');
  /** Changes of the minute so far: the clock of what was counted in least recently. */
  #turns = 0;

  /** Safe to hand around as a callback. */
  readonly count = ({ verdict, delivery }: Outcome): void => {
    if (verdict === 'nack') return;
    const { publishTime } = delivery.message;
    if (!publishTime.startsWith(this.#last.minute)) this.#turnTo(publishTime.slice(0, MINUTE_LENGTH));
    if (verdict === 'ack') this.#last.acked += 1;
    else if (verdict === 'drop') this.#last.dropped += 1;
    else this.#last.deadLettered += 1;
  };

  /** The minutes that are kept, in their order. */
  get all(): readonly MinuteCount[] {
    return [...this.#counts.values()]
      .map(({ minute, acked, deadLettered, dropped }) => ({ minute, acked, deadLettered, dropped }))
      .sort((one, other) => (one.minute < other.minute ? -1 : 1));
  }

  #turnTo(minute: string): void {
    this.#turns += 1;
    this.#last = this.#counts.get(minute) ?? this.#add(MINUTE.test(minute) ? minute : UNKNOWN);
    this.#last.turn = this.#turns;
  }

  #add(minute: string): Counted {
    const known = this.#counts.get(minute);
    if (known !== undefined) return known;
    if (this.#counts.size >= MAX_MINUTES) {
      let oldest = this.#last;
      for (const counted of this.#counts.values()) if (counted.turn < oldest.turn) oldest = counted;
      this.#counts.delete(oldest.minute);
    }
    const added = newCount(minute);
    this.#counts.set(minute, added);
    return added;
  }
}

interface Counted extends MinuteCount {
  /** When it was counted in last. */
  turn: number;
}

const UNKNOWN = 'unknown';

function newCount(minute: string): Counted {
  return { minute, acked: 0, deadLettered: 0, dropped: 0, turn: 0 };
}
