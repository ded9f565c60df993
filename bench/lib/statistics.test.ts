import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { paired, slopeOf, spread } from './statistics.ts';

const SERIES = 300;
/** Like the soak: eight settled minutes, five samples per second, and the correlation of RSS there. */
const SAMPLES = 2_400;
const SECONDS = 0.2;
const CORRELATION = 0.987;

/** Normally distributed numbers from a fixed seed: mulberry32 and the Box-Muller transformation. */
function normals(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** A line with noise that depends on the previous noise: AR(1), stationary from the beginning. */
function series(perSecond: number, normal: () => number, correlation = CORRELATION) {
  let noise = normal() / Math.sqrt(1 - correlation ** 2);
  return Array.from({ length: SAMPLES }, (_, index) => {
    noise = correlation * noise + normal();
    return { x: index * SECONDS, y: 200 + perSecond * index * SECONDS + noise };
  });
}

/** The share of series whose interval contains their true slope. */
function coverage(perSecond: number, blockSeconds?: number, correlation?: number): number {
  const normal = normals(42);
  const hits = Array.from({ length: SERIES }, () => {
    const { low, high } = slopeOf(series(perSecond, normal, correlation), blockSeconds);
    return low <= perSecond && perSecond <= high;
  });
  return hits.filter(Boolean).length / SERIES;
}

suite('the spread of rounds', ({ test }) => {
  test('has the median, the lowest and the highest', () => {
    assert.equal(spread([3, 1, 2]), { values: [3, 1, 2], median: 2, min: 1, max: 3 });
    assert.equal(spread([4, 1, 2, 3]), { values: [4, 1, 2, 3], median: 2.5, min: 1, max: 4 });
  });

  test('of two quantities compares measurements of the same round', () => {
    const ours = spread([20, 10, 20, 10, 20]);
    const bare = spread([10, 5, 10, 5, 5]);
    assert.equal(
      paired(ours, bare, (one, other) => one / other),
      { values: [2, 2, 2, 2, 4], median: 2, min: 2, max: 4 },
    );
    assert.is(ours.median / bare.median, 4, 'as the medians are of different rounds');
  });
});

suite('the slope of memory', ({ test }) => {
  test('is that of a straight line, whatever the blocks', () => {
    const line = Array.from({ length: 1_000 }, (_, index) => ({ x: 7 + index * 0.7, y: 3 - 0.01 * index * 0.7 }));
    for (const blockSeconds of [0.7, 30, 60, 200]) {
      const { perSecond, low, high } = slopeOf(line, blockSeconds);
      for (const value of [perSecond, low, high]) assert.ok(Math.abs(value + 0.01) < 1e-9, `${value}`);
    }
  });

  test('has a reliable interval for dependent samples', () => {
    const [naive, blocks] = [coverage(0.02, SECONDS), coverage(0.02)];
    assert.ok(naive < 0.2, `over single samples: ${naive}`);
    assert.ok(blocks > 0.88, `over blocks: ${blocks}`);
  });

  test('has a 95 % interval for independent samples', () => {
    const share = coverage(0, undefined, 0);
    assert.ok(share > 0.92 && share < 0.98, `${share}`);
  });

  test('matches a manual calculation for independent residuals', () => {
    // Residuals ±1 about y = 2x: slope 2 + 0, s² = 4 / 2, sxx = 5.
    const points = [1, -1, -1, 1].map((residual, x) => ({ x, y: 2 * x + residual }));
    const { perSecond, low, high } = slopeOf(points, 0.75);
    const reach = 4.303 * Math.sqrt(2 / 5);
    for (const [value, expected] of [
      [perSecond, 2],
      [low, 2 - reach],
      [high, 2 + reach],
    ] as const) {
      assert.ok(Math.abs(value - expected) < 1e-9, `${value}, not ${expected}`);
    }
  });

  test('has no finite interval over less than three blocks', () => {
    const { perSecond, low, high } = slopeOf(series(1, normals(1)).slice(0, 600));
    assert.ok(Number.isFinite(perSecond));
    assert.equal([low, high], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });
});
