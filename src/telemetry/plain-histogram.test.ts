import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import * as assert from 'uvu/assert';
import { suite } from '../testing/suite.ts';
import { PlainHistogram } from './telemetry.ts';

const BUCKETS = [0.01, 0.1, 1];
/** Excludes exemplars, which are not used. */
const plain = (metric: unknown) =>
  JSON.parse(JSON.stringify(metric, (name, value) => (name === 'exemplar' ? undefined : value)));

suite('a histogram of plain numbers', ({ test }) => {
  test("is formatted like prom-client's own, in both formats", async () => {
    const values = fc.array(fc.oneof(fc.double({ min: 0, max: 2, noNaN: true }), fc.constantFrom(...BUCKETS)));
    await fc.assert(
      fc.asyncProperty(values, async (seconds) => {
        const [ours, theirs] = [new Registry(), new Registry()];
        for (const registry of [ours, theirs]) registry.setDefaultLabels({ service: 'svc' });
        const histogram = new Histogram({ name: 'h', help: 'what', buckets: BUCKETS, registers: [theirs] });
        histogram.zero({});
        const { observe } = new PlainHistogram({ name: 'h', help: 'what', buckets: BUCKETS, registry: ours });
        for (const value of seconds) {
          observe(value);
          histogram.observe(value);
        }
        assert.is(await ours.metrics(), await theirs.metrics());
        const [json] = await ours.getMetricsAsJSON();
        const [expected] = await theirs.getMetricsAsJSON();
        assert.equal(plain(json), plain(expected));
      }),
      { numRuns: 50 },
    );
  });
});
