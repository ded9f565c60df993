import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { EVENTS } from '../src/telemetry/events.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { OUTCOMES, Scrape } from '../src/testing/scrape.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { openRun } from '../src/testing/test-run.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../docs/metrics.md'), 'utf8');

/** Labels of every metric, and that of a histogram's buckets. */
const COMMON_LABELS: ReadonlySet<string> = new Set(['service', 'pipeline', 'le']);

interface Metric {
  readonly type: string;
  /** Names of its own labels; undefined if it has no sample now. */
  readonly labels: readonly string[] | undefined;
}

const codeIn = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, code = '']) => code);

/** The table of all metrics: those of one service. */
function documented(service: string): Map<string, Metric> {
  const rows = PAGE.matchAll(/^\| `(dataflow_\w+)` \| (counter|gauge|histogram) \|([^|]*)\| ([^|]*) \|/gm);
  const own = Array.from(rows, ([, name = '', type = '', labels = '', services = '']) => {
    const isPrinted = services === 'all' || services.split(', ').includes(service);
    return isPrinted ? ([[name, { type, labels: codeIn(labels).sort() }]] as const) : [];
  });
  return new Map(own.flat());
}

const samplesIn = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const labelsOf = (sample: string) => Array.from(sample.matchAll(/(\w+)="/g), ([, label = '']) => label);

/** The metrics of this platform in a service's output. */
function printed(text: string): Map<string, Metric> {
  const types = text.matchAll(/^# TYPE (dataflow_\w+) (\w+)$/gm);
  return new Map(
    Array.from(types, ([, name = '', type = '']) => {
      const suffix = type === 'histogram' ? '_(?:bucket|sum|count)' : '';
      const samples = samplesIn(text).filter((line) => new RegExp(`^${name}${suffix}\\{`).test(line));
      const labels = new Set(samples.flatMap(labelsOf).filter((label) => !COMMON_LABELS.has(label)));
      return [name, { type, labels: samples.length === 0 ? undefined : [...labels].sort() }];
    }),
  );
}

suite('the metrics of the four services', (it) => {
  const { test, before } = it;
  const whole = suiteScope(it);
  const texts = new Map<string, string>();

  before(async () => {
    const { sandbox, mqttEnv } = await startServers(whole);
    const run = await openRun(whole, { projectId: sandbox.projectId, mqttUrl: mqttEnv.MQTT_URL, env: mqttEnv });
    for (const { name, url } of (await run.startPlatform()).all)
      texts.set(name, await (await fetch(`${url}/metrics`)).text());
  });

  test('are those that the documentation lists for each, with their types and labels', () => {
    assert.is(texts.size, 4);
    for (const [service, text] of texts) {
      const page = documented(service);
      assert.ok(page.size > 15, `${page.size} metrics are documented for ${service}`);
      const seen = printed(text);
      assert.equal([...seen.keys()].sort(), [...page.keys()].sort(), service);
      for (const [name, { type, labels }] of seen) {
        assert.is(type, page.get(name)?.type, name);
        if (labels !== undefined) assert.equal(labels, page.get(name)?.labels, name);
      }
    }
  });

  test('have the service and the pipeline as labels', () => {
    for (const [service, text] of texts) {
      const without = samplesIn(text).filter((line) => !line.includes(`service="${service}",pipeline="${service}"`));
      assert.equal(without, []);
    }
  });

  test('start at 0 if their labels are known in advance', () => {
    for (const text of texts.values()) {
      const scrape = new Scrape(text);
      scrape.assertLedger();
      assert.is(scrape.value('dataflow_stage_messages_total', { stage: 'dead_lettered' }), 0);
      for (const outcome of OUTCOMES) assert.is(scrape.settled(outcome), 0);
      for (const event of Object.keys(EVENTS)) assert.ok(scrape.events(event) >= 0);
    }
  });

  test('have new names instead of all old ones', () => {
    const [, old = ''] = PAGE.split('\n## Old names\n');
    const pairs = Array.from(old.matchAll(/^\| (`dataflow_.*) \| (.*) \|$/gm), ([, from = '', to = '']) => ({
      from,
      to,
    }));
    assert.ok(pairs.length > 20, `${pairs.length} old names are found`);
    const known = new Set([...texts.keys()].flatMap((service) => [...documented(service).keys()]));
    const namesIn = (cell: string) => Array.from(cell.matchAll(/dataflow_\w+/g), ([name]) => name);
    for (const { from, to } of pairs) {
      assert.ok(namesIn(to).length > 0, from);
      for (const name of namesIn(to)) assert.ok(known.has(name), `${name} exists`);
    }
  });

  const onPromtool = 'follow the conventions that promtool checks';
  if (spawnSync('promtool', ['--version']).error !== undefined) it.skip(onPromtool, 'promtool is not installed');
  else {
    test(onPromtool, () => {
      for (const [service, input] of texts) {
        const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
        assert.is(`${stdout}${stderr}`, '', service);
        assert.is(status, 0);
      }
    });
  }
});
