import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { DRAIN, type Report } from './report.ts';
import { drained, EMPTY } from './sample-report.ts';
import { spread } from './statistics.ts';
import { targetsOf } from './targets.ts';

const report: Report = {
  ...EMPTY,
  // The machine slows down after the drain's second round, and recovers for its last one.
  throughput: [
    drained({ service: 'ingestion', by: 'bare', variant: DRAIN }, 4, 4, 8, 8, 4),
    drained({ service: 'ingestion', by: 'ours' }, 10, 12, 16, 16, 16),
  ],
  insert: [
    { way: 'our inserter', cpuMicrosPerRow: spread([10, 20, 11]) },
    { way: 'table.insert', cpuMicrosPerRow: spread([40, 50, 44]) },
  ],
  idleCpuPercent: { ingestion: 1.2 },
  rss: { at1e5: 300, at1e6: 330 },
};

suite('targets', ({ test }) => {
  test("use the median of the rounds' own ratios", () => {
    const measured = Object.fromEntries(targetsOf(report).map(({ what, ...rest }) => [what, rest]));
    assert.equal(measured['ingestion: CPU a message above that, in µs'], {
      value: 8,
      range: { min: 6, max: 12 },
      bound: '≤ 8',
      isMet: true,
    });
    assert.is(measured['ingestion: rate, to bare MQTT.js that drains']?.value, 0.4);
    assert.equal(measured['bigqueries: CPU a row, to table.insert'], {
      value: 0.25,
      range: { min: 0.25, max: 0.4 },
      bound: '≤ 0.333',
      isMet: true,
    });
  });

  test('have no range without rounds, and are missing without measurements', () => {
    const targets = targetsOf(report);
    assert.equal(targets.at(-1), {
      what: 'RSS at 10⁶ messages, to 10⁵',
      value: 1.1,
      bound: '≤ 1.15',
      isMet: true,
    });
    assert.equal(
      targets.filter(({ what }) => what.includes('idle')).map(({ what, isMet }) => [what, isMet]),
      [['ingestion: idle CPU, in %', false]],
    );
    assert.not.ok(targets.some(({ what }) => what.startsWith('enrich')));
  });
});
