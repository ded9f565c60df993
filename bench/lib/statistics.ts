/** A measured quantity over rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** A straight line through points, by least squares, with the 95 % confidence interval of its slope. */
export interface Slope {
  readonly perSecond: number;
  readonly low: number;
  readonly high: number;
}

/** Student's t of 95 % for many points; there are hundreds of samples. */
const T_95 = 1.96;

export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): Slope {
  const count = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / count;
  const sxx = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  const perSecond = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / sxx;
  const residuals = points.reduce((sum, { x, y }) => sum + (y - meanY - perSecond * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(residuals / Math.max(1, count - 2) / sxx);
  return { perSecond, low: perSecond - T_95 * error, high: perSecond + T_95 * error };
}
