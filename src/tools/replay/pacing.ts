/**
 * Returns when a message is due, in milliseconds after the first one, from its time and its number in the order, from
 * 0.
 */
export type Pacing = (timeMs: number, index: number) => number;

/** Paces by the messages' times, or a multiple; Infinity is as fast as possible. */
export function paceBySpeed(speed: number): Pacing {
  let firstMs: number | undefined;
  return (timeMs) => {
    firstMs ??= timeMs;
    return speed === Number.POSITIVE_INFINITY ? 0 : (timeMs - firstMs) / speed;
  };
}

/** Spreads messages evenly over a time, whatever their own times. */
export function paceEvenly(messages: number, durationMs: number): Pacing {
  return (_, index) => (index * durationMs) / messages;
}
