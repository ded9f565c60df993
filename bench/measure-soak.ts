import type { Sample } from './lib/meter.ts';
import type { SoakCase } from './lib/report.ts';
import { runSubject } from './lib/run-subject.ts';
import type { Stage } from './lib/stage.ts';
import { slopeOf } from './lib/statistics.ts';

/** At the beginning, caches fill and the compiler settles: that is not a leak. */
const SETTLING_SHARE = 0.2;
const HOUR = 3_600;

/** Runs enrich at a steady rate, and measures the slope of its memory. */
export async function measureSoak(
  stage: Stage,
  { ratePerSecond, seconds }: { readonly ratePerSecond: number; readonly seconds: number },
  say: (text: string) => void,
): Promise<SoakCase> {
  say(`soak: ${ratePerSecond}/s for ${seconds} s`);
  const { samples } = await runSubject(stage, {
    service: 'enrich',
    by: 'ours',
    messages: ratePerSecond * seconds,
    rate: ratePerSecond,
    takesLatency: false,
  });
  const settled = samples.slice(Math.floor(samples.length * SETTLING_SHARE));
  const anHour = (of: (sample: Sample) => number) => {
    const { perSecond, low, high } = slopeOf(settled.map((each) => ({ x: each.seconds, y: of(each) })));
    return { slope: perSecond * HOUR, low: low * HOUR, high: high * HOUR };
  };
  return {
    service: 'enrich',
    ratePerSecond,
    seconds,
    heap: anHour(({ heapMb }) => heapMb),
    rss: anHour(({ rssMb }) => rssMb),
    samples,
  };
}
