import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../../src/testing/suite.ts';
import { withTemporaryFolder } from '../../src/testing/temporary-folder.ts';
import { comparison } from './compare.ts';
import type { Report } from './report.ts';
import { drained, EMPTY } from './sample-report.ts';
import { savedRun } from './saved-run.ts';
import { spread } from './statistics.ts';
import { UsageError } from './usage-error.ts';

function reportOf(cost: number): Report {
  return {
    ...EMPTY,
    throughput: [drained({ service: 'enrich', by: 'ours' }, cost)],
    latency: [
      {
        service: 'enrich',
        by: 'ours',
        ratePerSecond: 1_000,
        rounds: 1,
        latency: { p50: 1, p99: cost, p999: 3 },
        cpuMicrosPerMessage: cost,
      },
    ],
    insert: [{ way: 'table.insert', cpuMicrosPerRow: spread([cost]) }],
    growth: [
      { what: 'batch keys', at: 1_000, unit: 'µs CPU each', value: cost },
      { what: 'messages', at: 10_000, unit: 'µs CPU each', value: Number.NaN },
    ],
  };
}

suite('a comparison with a saved run', ({ test }) => {
  /** Returns the comparison with a file of this content, or the reason for not comparing. */
  const compared = (content: unknown) =>
    withTemporaryFolder((folder) => {
      const file = join(folder, 'saved.json');
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
      return comparison(reportOf(15), savedRun(file), 'saved.json').trim().split('\n');
    });

  test('lists the change of everything that both runs have', async () => {
    assert.equal(await compared(reportOf(10)), [
      'Against saved.json (2026-11-26 10:10)',
      'enrich, ours, 200 B, messages/s: -33.3 %',
      'enrich, ours, 200 B, CPU: +50.0 %',
      'enrich, ours, p99 at 1000/s: +50.0 %',
      'inserting by table.insert, CPU: +50.0 %',
      'growth, 1,000 batch keys, µs CPU each: +50.0 %',
    ]);
  });

  test('uses the parts that an older file has', async () => {
    const { date, throughput } = reportOf(10);
    const older = throughput.map(({ utilizations: _, ...rest }) => rest);
    assert.is((await compared({ date, throughput: older })).length, 3);
    assert.equal(await compared({ date, throughput: [] }), [
      'Against saved.json (2026-11-26 10:10)',
      'nothing that both have measured',
    ]);
  });

  test('takes the run that the repository keeps, which docs/performance.md names', () => {
    const root = join(import.meta.dirname, '../..');
    const page = readFileSync(join(root, 'docs/performance.md'), 'utf8');
    const [file = 'none'] = /bench\/results\/[\d.-]+json/.exec(page) ?? [];
    const run = savedRun(join(root, file));
    const services = new Set(run.throughput.map(({ service }) => service));
    assert.equal([...services].sort(), ['bigqueries', 'enrich', 'icestore', 'ingestion']);
    assert.ok(run.growth.length > 10);
  });

  test('refuses any other file immediately, in one line', async () => {
    const refused = async (file: string, why: string) => {
      try {
        savedRun(file);
      } catch (error) {
        assert.instance(error, UsageError);
        const { message } = error as UsageError;
        assert.is(message, `--compare ${file}: ${why}; expected the JSON of a saved run, as in bench/results`);
        return;
      }
      assert.unreachable(`${file} was taken`);
    };
    await withTemporaryFolder(async (folder) => {
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text);
        return join(folder, name);
      };
      mkdirSync(join(folder, 'folder'));
      await refused(join(folder, 'folder'), 'it is a folder');
      await refused(join(folder, 'none.json'), 'there is no such file');
      await refused(file('page.html', '<!doctype html>\n<html>'), 'it is not JSON');
      const missing = 'throughput: Invalid key: Expected "throughput" but received undefined';
      await refused(file('empty.json', '{}'), missing);
      await refused(file('null.json', 'null'), 'the whole of it: Invalid type: Expected Object but received null');
      const wrong = 'throughput: Invalid type: Expected Array but received Object';
      await refused(file('wrong.json', '{"date":"2026","throughput":{}}'), wrong);
    });
  });
});
