/** When a message is due: milliseconds after the first one, from its time and its number in the order, 0 for the first. */
export type Pacing = (timeMs: number, index: number) => number;

/** The pace of the messages' times, or a multiple of it; Infinity is as fast as it goes. */
export function paceBySpeed(speed: number): Pacing {
  let firstMs: number | undefined;
  return (timeMs) => {
    firstMs ??= timeMs;
    return speed === Number.POSITIVE_INFINITY ? 0 : (timeMs - firstMs) / speed;
  };
}

/** So many messages, evenly over a time, whatever their own times are. */
export function paceEvenly(messages: number, durationMs: number): Pacing {
  return (_, index) => (index * durationMs) / messages;
}
