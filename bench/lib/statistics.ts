import { studentT95 } from './student-t.ts';

/** A measured quantity over rounds. */
export interface Spread {
  /** One value per round, in order. */
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  return { values, median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/**
 * Compares two quantities of the same rounds, round by round. If the machine changes its speed, the two medians may
 * come from a slow and a fast round.
 */
export function paired(one: Spread, other: Spread, of: (one: number, other: number) => number): Spread {
  return spread(one.values.map((value, round) => of(value, other.values[round] ?? Number.NaN)));
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A straight line through points, by least squares, with the 95 % confidence interval of its slope. */
export interface Slope {
  readonly perSecond: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Samples of memory depend on the previous ones: RSS samples 0.2 s apart correlate with 0.987, which decays within half
 * a minute. Means of 60 s are nearly independent (0.2 to 0.3 remains with 30 s), and there are enough of them.
 */
const BLOCK_SECONDS = 60;

/**
 * Fits the slope of points over seconds through the means of equal blocks of time, with Student's t for the few blocks.
 * An interval over the points themselves assumes independence: for such series without a slope, it contained zero in 12
 * of 100 cases, over blocks of 30 s in 87, of 60 s in 93. Newey-West also needs a chosen lag, and is too narrow for
 * short series. Fewer than three blocks have an infinite interval.
 */
export function slopeOf(points: readonly Point[], blockSeconds = BLOCK_SECONDS): Slope {
  const means = blockMeans(points, blockSeconds);
  const degrees = means.length - 2;
  const middle = meanOf(means);
  const sxx = sumOf(means, ({ x }) => (x - middle.x) ** 2);
  const perSecond = sumOf(means, ({ x, y }) => (x - middle.x) * (y - middle.y)) / sxx;
  if (degrees < 1) return { perSecond, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const residuals = sumOf(means, ({ x, y }) => (y - middle.y - perSecond * (x - middle.x)) ** 2);
  const reach = studentT95(degrees) * Math.sqrt(residuals / degrees / sxx);
  return { perSecond, low: perSecond - reach, high: perSecond + reach };
}

/** Equal blocks, close to the requested length, so that none at the end is shorter than the others. */
function blockMeans(points: readonly Point[], blockSeconds: number): Point[] {
  const first = points[0]?.x ?? 0;
  const span = (points.at(-1)?.x ?? 0) - first;
  const count = Math.max(1, Math.round(span / blockSeconds));
  const blocks = Map.groupBy(points, ({ x }) => Math.min(count - 1, Math.floor(((x - first) / span) * count)));
  return Array.from(blocks.values(), meanOf);
}

function meanOf(points: readonly Point[]): Point {
  return { x: sumOf(points, ({ x }) => x) / points.length, y: sumOf(points, ({ y }) => y) / points.length };
}

function sumOf(points: readonly Point[], of: (point: Point) => number): number {
  return points.reduce((sum, point) => sum + of(point), 0);
}
