/** For 1 to 30 degrees of freedom. */
const TABLE = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const NORMAL = 1.959964;

/**
 * Standard errors to each side of a 95 % confidence interval. Beyond the table: the beginning of the expansion 26.7.5
 * of Abramowitz and Stegun, Handbook of Mathematical Functions (1964), which has 3 correct decimals there.
 */
export function studentT95(degrees: number): number {
  if (degrees < 1) return Number.POSITIVE_INFINITY;
  const second = (5 * NORMAL ** 5 + 16 * NORMAL ** 3 + 3 * NORMAL) / 96;
  return TABLE[degrees - 1] ?? NORMAL + (NORMAL ** 3 + NORMAL) / 4 / degrees + second / degrees ** 2;
}
