import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { suite } from '../src/testing/suite.ts';
import { withTemporaryFolder } from '../src/testing/temporary-folder.ts';
import { dashboard, dashboardQueries } from './dashboard.ts';

const read = (path: string) => readFileSync(join(import.meta.dirname, path), 'utf8');

const pageSchema = v.object({
  panels: v.array(
    v.object({
      id: v.number(),
      type: v.picklist(['row', 'timeseries', 'stat', 'state-timeline', 'text']),
      title: v.pipe(v.string(), v.minLength(1)),
      gridPos: v.object({ x: v.number(), y: v.number(), w: v.number(), h: v.number() }),
    }),
  ),
  templating: v.object({ list: v.array(v.object({ name: v.string() })) }),
});

suite('the dashboard', (it) => {
  const { test } = it;

  test('is the one that its source gives', () => {
    assert.is(read('../deploy/grafana/dashboard.json'), dashboard(), 'npm run docs:dashboard writes it');
  });

  test('has panels of their own place, below each other and within the width', () => {
    const { panels, templating } = v.parse(pageSchema, JSON.parse(dashboard()));
    assert.ok(panels.length > 30, `${panels.length} panels`);
    assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.not(taken.has(`${x} ${y}`), `${title} covers another panel`);
          taken.add(`${x} ${y}`);
        }
    }
    assert.equal(
      templating.list.map(({ name }) => name),
      ['datasource', 'service', 'pipeline', 'instance'],
    );
  });

  test('shows every metric of the services', () => {
    const [current = ''] = read('metrics.md').split('\n## Old names\n');
    const documented = Array.from(current.matchAll(/^\| `(dataflow_\w+)`/gm), ([, name = '']) => name);
    const queries = dashboardQueries().join('\n');
    assert.equal(
      documented.filter((name) => !new RegExp(`\\b${name}(?:_bucket)?\\b`).test(queries)),
      [],
    );
  });

  const accepted = 'has queries that Prometheus accepts';
  if (spawnSync('promtool', ['--version']).error !== undefined) it.skip(accepted, 'promtool is not installed');
  else {
    test(accepted, async () => {
      const rules = dashboardQueries().map((expr, index) => ({
        record: `query:${index}`,
        expr: expr.replaceAll('$__rate_interval', '1m'),
      }));
      await withTemporaryFolder((folder) => {
        const file = join(folder, 'rules.yaml');
        // YAML takes JSON.
        writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
        const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', '--lint=none', file], {
          encoding: 'utf8',
        });
        assert.is(status, 0, `${stdout}${stderr}`);
        assert.match(stdout, `${rules.length} rules found`);
      });
    });
  }
});
