import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { DRAIN, type Report } from './report.ts';
import { drained, EMPTY } from './sample-report.ts';
import { spread } from './statistics.ts';
import { summaryOf } from './summary.ts';

const ingestion = (by: 'ours' | 'bare', variant: string, micros: number) =>
  drained({ service: 'ingestion', by, variant }, micros);
const report: Report = {
  ...EMPTY,
  throughput: [ingestion('bare', DRAIN, 5), ingestion('ours', '', 20), ingestion('bare', '', 10)],
  latency: (['ours', 'bare'] as const).map((by) => ({
    service: 'ingestion',
    by,
    ratePerSecond: 1_000,
    rounds: 1,
    latency: { p50: 10, p99: by === 'ours' ? 40 : 30, p999: 50 },
    cpuMicrosPerMessage: 20,
  })),
  rss: { at1e5: 300, at1e6: 310 },
};

suite('the summary of --json', ({ test }) => {
  test('compares ingestion with the drain, and its latency with the bridge', () => {
    const ingestion = summaryOf(report).services?.ingestion;
    assert.is(ingestion?.bareRate, 200_000);
    assert.is(ingestion?.ratioToBare, 0.25);
    assert.is(ingestion?.bareCpuMicrosPerMessage, 5);
    assert.is(ingestion?.bareBridgeRate, 100_000);
    assert.is(ingestion?.bareP99Ms, 30);
  });

  test('has no services if only objects were measured', () => {
    const objects = {
      rate: spread([900.4]),
      cpuMicrosPerObject: spread([1_150.2]),
      linesPerObject: spread([3.2]),
      rowRate: spread([50_000]),
      cpuMicrosPerRow: spread([15.5]),
    };
    assert.equal(summaryOf({ ...EMPTY, objects }), {
      objects: { rate: 900, cpuMicrosPerObject: 1_150, linesPerObject: 3.2, rowRate: 50_000, cpuMicrosPerRow: 15.5 },
    });
  });

  test('has every service, measured or not, and the growth of RSS', () => {
    const { services, growth } = JSON.parse(JSON.stringify(summaryOf(report)));
    assert.equal(Object.keys(services), ['ingestion', 'enrich', 'icestore', 'bigqueries']);
    assert.is(services?.enrich.rate, null);
    assert.equal(growth, { rssMbAt1e5: 300, rssMbAt1e6: 310 });
  });
});
