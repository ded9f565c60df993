import * as assert from 'uvu/assert';
import { suite } from '../../testing/suite.ts';
import { LatencyHistogram } from './latency-histogram.ts';

suite('the histogram of latencies', ({ test }) => {
  test('gives quantiles within one percent, and the exact maximum', () => {
    const histogram = new LatencyHistogram();
    for (let ms = 1; ms <= 10_000; ms += 1) histogram.add(ms);
    for (const [share, exact] of [
      [0.5, 5_000],
      [0.99, 9_900],
      [0.999, 9_990],
    ] as const) {
      const found = histogram.quantile(share) ?? 0;
      assert.ok(found >= exact && found <= exact * 1.01, `${share}: ${found}`);
    }
    assert.is(histogram.summary.max, 10_000);
    assert.is(histogram.quantile(1), 10_000);
  });

  test('is empty without values, and accepts values outside its buckets', () => {
    const histogram = new LatencyHistogram();
    assert.equal(histogram.summary, { p50: null, p90: null, p99: null, p999: null, max: null });
    histogram.add(0);
    assert.is(histogram.quantile(1), 0);
    histogram.add(1e9);
    assert.ok((histogram.quantile(1) ?? 0) >= 3_600_000);
    assert.is(histogram.summary.max, 1e9);
  });
});
