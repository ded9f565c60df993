import type { OrderedRates } from './lib/report.ts';
import { runSubject } from './lib/run-subject.ts';
import type { Stage } from './lib/stage.ts';
import { spread } from './lib/statistics.ts';
import { namesOf, type Task } from './lib/task.ts';

/** Delay of each publish request, like that between a service and Pub/Sub in another region. */
const LATENCY_MS = 30;
const DEVICES = 2_000;
/** The values of the shipped pipeline. */
const BUCKETS = 32;
const MAX_IN_FLIGHT = 5_000;
const ROUNDS = 3;

interface Way extends Pick<Task, 'ordering' | 'ackOrder' | 'messages'> {}

const WAYS: Readonly<Record<keyof OrderedRates, Way>> = {
  rate: { ordering: BUCKETS, messages: 200_000 },
  asCompletedRate: { ordering: BUCKETS, ackOrder: 'asCompleted', messages: 200_000 },
  perDeviceRate: { ordering: 'device', messages: 40_000 },
  unorderedRate: { ordering: undefined, messages: 200_000 },
};

/**
 * Measures messages per second of ingestion with 2,000 devices and 30 ms per publish request: by buckets, by device,
 * without order. Also by buckets with PUBACKs as completed, because the order of PUBACKs limits that rate.
 */
export async function measureOrdered(
  stage: Stage,
  isQuick: boolean,
  say: (text: string) => void,
): Promise<OrderedRates> {
  const rounds = isQuick ? 1 : ROUNDS;
  const rates: Record<keyof OrderedRates, number[]> = {
    rate: [],
    asCompletedRate: [],
    perDeviceRate: [],
    unorderedRate: [],
  };
  for (let round = 1; round <= rounds; round += 1) {
    for (const way of ['rate', 'asCompletedRate', 'perDeviceRate', 'unorderedRate'] as const) {
      say(`ordered, round ${round} of ${rounds}: ${way}`);
      const { messages, ...order } = WAYS[way];
      const removeLatency = await stage.delayPublish(namesOf({ runId: '*', projectId: '' }).output, LATENCY_MS);
      const { rate } = await runSubject(stage, {
        service: 'ingestion',
        by: 'ours',
        variant: way,
        messages: isQuick ? messages / 4 : messages,
        hasTopicPerDevice: true,
        task: { maxInFlight: MAX_IN_FLIGHT, devices: DEVICES, ...order },
      });
      await removeLatency();
      rates[way].push(rate);
    }
  }
  return {
    rate: spread(rates.rate),
    asCompletedRate: spread(rates.asCompletedRate),
    perDeviceRate: spread(rates.perDeviceRate),
    unorderedRate: spread(rates.unorderedRate),
  };
}
