import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { DRAIN, type Report, type ThroughputCase } from './report.ts';
import { summaryOf } from './summary.ts';

const even = (value: number) => ({ median: value, min: value, max: value });
const drained = (by: 'ours' | 'bare', variant: string, rate: number): ThroughputCase => ({
  service: 'ingestion',
  by,
  variant,
  payloadBytes: 200,
  rounds: 1,
  rate: even(rate),
  cpuMicrosPerMessage: even(1e6 / rate),
  peakRssMb: 1,
  maxInFlight: undefined,
  saturated: 'ingestion',
});
const report: Report = {
  date: '2026-11-26 10:10',
  node: 'v24.0.0',
  cpu: 'a machine',
  cores: 2,
  isQuick: false,
  operators: [],
  throughput: [drained('bare', DRAIN, 200_000), drained('ours', '', 50_000), drained('bare', '', 100_000)],
  latency: (['ours', 'bare'] as const).map((by) => ({
    service: 'ingestion',
    by,
    ratePerSecond: 1_000,
    rounds: 1,
    latency: { p50: 10, p99: by === 'ours' ? 40 : 30, p999: 50 },
    cpuMicrosPerMessage: 20,
  })),
  insert: [],
  idleCpuPercent: {},
  growth: [],
  rss: { at1e5: 300, at1e6: 310 },
  memory: [],
  soak: undefined,
  targets: [],
};

suite('the summary of --json', ({ test }) => {
  test('sets ingestion beside the drain, and its latency beside the bridge', () => {
    const { ingestion } = summaryOf(report).services;
    assert.is(ingestion?.bareRate, 200_000);
    assert.is(ingestion?.ratioToBare, 0.25);
    assert.is(ingestion?.bareCpuMicrosPerMessage, 5);
    assert.is(ingestion?.bareBridgeRate, 100_000);
    assert.is(ingestion?.bareP99Ms, 30);
  });

  test('has every service, measured or not, and the growth of RSS', () => {
    const { services, growth } = JSON.parse(JSON.stringify(summaryOf(report)));
    assert.equal(Object.keys(services), ['ingestion', 'enrich', 'icestore', 'bigqueries']);
    assert.is(services.enrich.rate, null);
    assert.equal(growth, { rssMbAt1e5: 300, rssMbAt1e6: 310 });
  });
});
