import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { dashboardQueries } from '../docs/dashboard.ts';
import { FLUSH_REASONS } from '../src/operators/batcher.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import { EVENTS } from '../src/telemetry/events.ts';
import { Telemetry } from '../src/telemetry/telemetry.ts';
import { startChild } from '../src/testing/child.ts';
import { eventually } from '../src/testing/eventually.ts';
import { groupLabelsIn, seriesIn } from '../src/testing/promql-names.ts';
import { suiteScope } from '../src/testing/scope.ts';
import { OUTCOMES, Scrape } from '../src/testing/scrape.ts';
import { startServers } from '../src/testing/servers.ts';
import { suite } from '../src/testing/suite.ts';
import { withTemporaryFolder } from '../src/testing/temporary-folder.ts';
import { openRun, type TestRun } from '../src/testing/test-run.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../docs/metrics.md'), 'utf8');

const MESSAGES = 60;
const { version: VERSION }: { version: string } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'),
);

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

/** An answer of Prometheus' query API. */
const answerSchema = v.object({
  data: v.object({ result: v.array(v.object({ value: v.tuple([v.number(), v.string()]) })) }),
});

/** Labels that Prometheus adds, or that every metric has. */
const SCRAPED_LABELS: ReadonlySet<string> = new Set(['job', 'instance', 'service', 'pipeline', 'le']);

const base = (metric: string) => metric.replace(/_(?:bucket|sum|count)$/, '');

/** The metrics of services, by name, with the values of each label; those without samples by the documentation. */
function printedBy(text: string): Map<string, Map<string, Set<string>>> {
  const metrics = new Map<string, Map<string, Set<string>>>();
  for (const [, name = '', labels = ''] of PAGE.matchAll(/^\| `(dataflow_\w+)` \|[^|]*\|([^|]*)\|/gm))
    if (text.includes(`# TYPE ${name} `))
      metrics.set(base(name), new Map(codeIn(labels).map((label) => [label, new Set()])));
  for (const line of samplesIn(text)) {
    const name = base(/^\w+/.exec(line)?.[0] ?? '');
    const labels = metrics.get(name) ?? new Map<string, Set<string>>();
    metrics.set(name, labels);
    for (const [, label = '', value = ''] of line.matchAll(/(\w+)="([^"]*)"/g))
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
  }
  return metrics;
}

suite('the metrics of the four services', (it) => {
  const { test, before } = it;
  const whole = suiteScope(it);
  const texts = new Map<string, string>();
  const urls = new Map<string, string>();
  /** Of the process, which several services in it leave out. */
  let processText = '';
  let run: TestRun;

  before(async () => {
    const { sandbox, mqttEnv } = await startServers(whole);
    run = await openRun(whole, { projectId: sandbox.projectId, mqttUrl: mqttEnv.MQTT_URL, env: mqttEnv });
    for (const { name, url } of (await run.startPlatform()).all) {
      urls.set(name, url);
      texts.set(name, await (await fetch(`${url}/metrics`)).text());
    }
    processText = await new Telemetry('any', { level: 'silent' }).registry.metrics();
  });

  const scrapeOf = async (service: string) =>
    new Scrape(await (await fetch(`${urls.get(service) ?? ''}/metrics`)).text());

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

  /** Returns what a query names and no service has: metrics, labels, or values of labels that are known in advance. */
  const missingIn = (query: string): string[] => {
    const all = printedBy([...texts.values(), processText].join('\n'));
    const grouping = groupLabelsIn(query);
    const named = seriesIn(query);
    const labels = new Set(named.flatMap(({ metric }) => [...(all.get(base(metric))?.keys() ?? [])]));
    return [
      ...grouping.filter((label) => !labels.has(label) && !SCRAPED_LABELS.has(label)),
      ...named.flatMap(({ metric, matchers }) => {
        const known = all.get(base(metric));
        if (known === undefined) return [metric];
        return matchers.flatMap(({ label, values }) => {
          if (SCRAPED_LABELS.has(label)) return [];
          const seen = known.get(label);
          if (seen === undefined) return [`${metric} ${label}`];
          // Parts and targets depend on the pipeline.
          return values.filter(
            (value) =>
              !/^(?:part|target)$/.test(label) && ![...seen].some((each) => new RegExp(`^(?:${value})$`).test(each)),
          );
        });
      }),
    ];
  };

  test('have every name, label and value that the alerts use', () => {
    const rules = readFileSync(join(import.meta.dirname, '../deploy/prometheus/alerts.yaml'), 'utf8');
    const queries = Array.from(
      rules.matchAll(/^ +expr: (?:\|-\n((?: {10}.*\n)+)|'?(.+?)'?$)/gm),
      ([, block, line]) => block ?? line ?? '',
    );
    assert.ok(queries.length > 30, `${queries.length} queries are found`);
    assert.equal(queries.flatMap(missingIn), []);
    assert.equal(missingIn('rate(dataflow_nothing_total[5m])'), ['dataflow_nothing_total']);
    assert.equal(missingIn('sum by (topic) (dataflow_events_total{event=~"a.b|service.(ready|unready)",no="x"})'), [
      'topic',
      'a.b',
      'service.unready',
      'dataflow_events_total no',
    ]);
  });

  test('have every name, label and value that the dashboard uses', () => {
    assert.equal(dashboardQueries().flatMap(missingIn), []);
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

  test('count ages, successes, batches, connections and dead letters', async () => {
    const since = Date.now() / 1_000;
    await run.load({ ratePerSecond: Number.POSITIVE_INFINITY, count: MESSAGES }).done;
    const { projectId, topics } = run.resources;
    const pubsub = new PubSub({ projectId });
    whole.defer(() => pubsub.close());
    await pubsub.topic(topics.raw).publishMessage({ data: Buffer.from('no envelope') });
    const withDeadLetter = new Set(['enrich', 'icestore']);
    for (const service of urls.keys()) {
      const poisoned = withDeadLetter.has(service) ? 1 : 0;
      await eventually(async () => {
        const scrape = await scrapeOf(service);
        assert.is(scrape.value('dataflow_message_age_seconds_count'), MESSAGES, service);
        assert.is(scrape.value('dataflow_message_age_seconds_bucket', { le: '600' }), MESSAGES);
        const last = scrape.value('dataflow_last_success_timestamp_seconds');
        assert.ok(last >= since && last <= Date.now() / 1_000, `${last}`);
        const sum = (name: string) =>
          FLUSH_REASONS.reduce((total, reason) => total + scrape.value(name, { reason }), 0);
        assert.is(sum('dataflow_flushed_messages_total'), MESSAGES);
        assert.is(
          sum('dataflow_flushed_batches_total'),
          scrape.value('dataflow_stage_batches_total', { stage: 'flushed' }),
        );
        assert.ok(sum('dataflow_flushed_bytes_total') > MESSAGES);
        const connections = scrape.value('dataflow_connections_configured');
        assert.ok(connections > 0);
        assert.is(scrape.value('dataflow_connections_open'), connections);
        assert.is(scrape.value('dataflow_dead_letters_total', { reason: 'undecodable' }), poisoned);
        assert.is(scrape.value('dataflow_dead_letters_total', { reason: 'rejected' }), 0);
        assert.is(scrape.value('dataflow_batches', { state: 'open' }), 0);
        assert.ok(scrape.value('dataflow_batches_limit', { state: 'open' }) > 0);
        assert.is(scrape.value('dataflow_build_info', { version: VERSION, node: process.versions.node }), 1);
      });
    }
  });

  const scrapes = 'are scraped by Prometheus without a fault, also as OpenMetrics';
  if (spawnSync('prometheus', ['--version']).error !== undefined) it.skip(scrapes, 'prometheus is not installed');
  else {
    test(scrapes, async () => {
      await withTemporaryFolder(async (folder) => {
        const targets = Array.from(urls.values(), (url) => new URL(url).host);
        const config = {
          global: { scrape_interval: '1s' },
          scrape_configs: [{ job_name: 'dataflow', static_configs: [{ targets }] }],
        };
        writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(config));
        const port = await freePort();
        const child = await startChild(
          'prometheus',
          [
            `--config.file=${folder}/prometheus.yaml`,
            `--storage.tsdb.path=${folder}/data`,
            `--web.listen-address=127.0.0.1:${port}`,
          ],
          { readyWhen: /ready to receive web requests/ },
        );
        try {
          const value = async (query: string) => {
            const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
            return v.parse(answerSchema, await response.json()).data.result[0]?.value[1];
          };
          await eventually(async () => {
            assert.is(await value('sum(up{job="dataflow"})'), `${targets.length}`);
            assert.is(await value('count(dataflow_build_info)'), `${targets.length}`);
            assert.is(await value('count(dataflow_messages_received_total)'), `${targets.length}`);
            assert.is(await value('count(dataflow_message_age_seconds_bucket{le="+Inf"})'), `${targets.length}`);
          });
        } finally {
          await child.end('SIGTERM');
        }
      });
    });
  }

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
