import type { Outcome } from '../core/delivery.ts';
import { AGE_SECONDS, type Telemetry } from '../telemetry/telemetry.ts';
import { TickClock } from '../util/clock.ts';

/** Length of `2026-11-29T12:10:59`. */
const SECOND_LENGTH = 19;
const DIGIT_0 = 48;
/** Index of the first digit of the fraction. */
const TENTH = 20;

/**
 * Measures each message from its publish time until the sink has it, to a tenth of a second, and keeps the time of the
 * last one. Publish times are read once for each second that they are in: messages that follow each other are mostly of
 * one second.
 *
 * Ages compare the clocks of two machines; an age below 0 counts as 0.
 */
export class PublishAges {
  readonly #clock: TickClock;
  readonly #observe: (seconds: number) => void;
  #second = '';
  #secondMs = Number.NaN;
  #lastSuccessMs = 0;

  constructor(telemetry: Telemetry, wallClock: () => number = () => Date.now()) {
    this.#clock = new TickClock(wallClock);
    this.#observe = telemetry.histogram(
      'dataflow_message_age_seconds',
      'Age of a message when the sink has it, from its publish time.',
      AGE_SECONDS,
    );
    telemetry.gauge(
      'dataflow_last_success_timestamp_seconds',
      'Time when the sink accepted the last message, in seconds since 1970; 0 before the first one.',
      () => [[{}, this.#lastSuccessMs / 1_000]],
      [],
    );
  }

  /** Bound, so that it can be passed as a callback. */
  readonly count = ({ verdict, delivery }: Outcome): void => {
    if (verdict !== 'ack') return;
    const now = this.#clock.now();
    this.#lastSuccessMs = now;
    const { publishTime } = delivery.message;
    if (this.#second === '' || !publishTime.startsWith(this.#second)) {
      this.#second = publishTime.slice(0, SECOND_LENGTH);
      this.#secondMs = Date.parse(`${this.#second}Z`);
    }
    if (Number.isNaN(this.#secondMs)) return;
    const tenth = publishTime.charCodeAt(TENTH) - DIGIT_0;
    const seconds = (now - this.#secondMs) / 1_000 - (tenth >= 0 && tenth <= 9 ? tenth / 10 : 0);
    this.#observe(Math.max(0, seconds));
  };
}
