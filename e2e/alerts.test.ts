/** The rules of deploy/prometheus/alerts.yaml: each fires on the series given here, and not on the quiet ones. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import * as v from 'valibot';
import { parse, stringify } from 'yaml';
import { createProgram } from '../src/commands/program.ts';
import { suite } from '../src/testing/suite.ts';
import { withTemporaryFolder } from '../src/testing/temporary-folder.ts';

const FOLDER = join(import.meta.dirname, '../deploy/prometheus');
const RUNBOOK = readFileSync(join(import.meta.dirname, '../docs/runbook.md'), 'utf8');

const rulesSchema = v.object({
  groups: v.array(
    v.object({
      name: v.string(),
      rules: v.array(
        v.object({
          alert: v.string(),
          expr: v.string(),
          for: v.optional(v.string()),
          labels: v.object({ severity: v.picklist(['critical', 'warning', 'info']) }),
          annotations: v.object({ summary: v.string(), description: v.string(), runbook_url: v.string() }),
        }),
      ),
    }),
  ),
});

const FILE = v.parse(rulesSchema, parse(readFileSync(join(FOLDER, 'alerts.yaml'), 'utf8')));
const RULES = FILE.groups.flatMap(({ rules }) => rules);

type Series = Readonly<Record<string, string>>;

interface Case {
  /** Series of the instance that fires, in promtool's notation with a sample a minute. */
  readonly fires: Series;
  /** The same series of an instance that does not. */
  readonly quiet: Series;
  /** Labels of the alert besides severity. Default: those of the instance. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Default: 2h. */
  readonly at?: string;
}

const OWN = { service: 'enrich', pipeline: 'enrich', instance: 'a:8080', job: 'dataflow' };
const { job: _, ...BY_INSTANCE } = OWN;
const { instance: __, ...BY_PIPELINE } = BY_INSTANCE;

/** A counter that grows by one a minute, and one that stands. */
const GROWS = '0+1x200';
const STANDS = '7x200';
/** One event long ago. */
const LONG_AGO = '0 1x200';

const event = (name: string, fires = GROWS, quiet = LONG_AGO): Pick<Case, 'fires' | 'quiet'> => ({
  fires: { [`dataflow_events_total{event="${name}"}`]: fires },
  quiet: { [`dataflow_events_total{event="${name}"}`]: quiet },
});
const grows = (series: string): Case => ({ fires: { [series]: GROWS }, quiet: { [series]: LONG_AGO } });

/** Ages that end in these buckets: ten messages a minute, of which `young` are younger than the bound. */
const ages = (bound: string, above: string, young: number): Series => ({
  [`dataflow_message_age_seconds_bucket{le="${bound}"}`]: `0+${young}x200`,
  [`dataflow_message_age_seconds_bucket{le="${above}"}`]: '0+10x200',
  'dataflow_message_age_seconds_bucket{le="+Inf"}': '0+10x200',
});

const CASES: Readonly<Record<string, Case>> = {
  // A quiet case of this alert is every other case: there, services are scraped.
  DataflowAbsent: { fires: {}, quiet: { dataflow_build_info: '1x200' }, labels: {} },
  DataflowInstanceDown: {
    fires: { up: '1x100 0x100' },
    quiet: { up: '1x200' },
    labels: { instance: OWN.instance, job: OWN.job, ...BY_PIPELINE },
  },
  DataflowInstancesMissing: {
    fires: { 'dataflow_build_info{replica="1"}': '1x200', 'dataflow_build_info{replica="2"}': '1x90' },
    quiet: { 'dataflow_build_info{replica="1"}': '1x200', 'dataflow_build_info{replica="2"}': '_x90 1x110' },
    labels: BY_PIPELINE,
  },
  DataflowRestarting: {
    fires: { process_start_time_seconds: '100x100 200x5 300x5 400x90' },
    quiet: { process_start_time_seconds: '100x100 200x100' },
  },
  DataflowNotReady: { fires: { dataflow_ready: '1x100 0x100' }, quiet: { dataflow_ready: '1x100 0x4 1x100' } },
  DataflowPartDegraded: {
    fires: { 'dataflow_part_state{part="redis",state="degraded"}': '1x200' },
    quiet: {
      'dataflow_part_state{part="redis",state="degraded"}': '0x200',
      'dataflow_part_state{part="redis",state="ok"}': '1x200',
    },
    labels: { ...OWN, part: 'redis', state: 'degraded' },
  },
  DataflowVersionsMixed: {
    fires: { 'dataflow_build_info{version="1"}': '1x200', 'dataflow_build_info{version="2"}': '1x200' },
    quiet: { 'dataflow_build_info{version="1"}': '1x100', 'dataflow_build_info{version="2"}': '_x90 1x100' },
    labels: BY_PIPELINE,
  },
  DataflowConfigurationRefused: { ...event('routes.refused'), labels: { ...BY_INSTANCE, event: 'routes.refused' } },
  DataflowStuck: {
    fires: { dataflow_messages_in_flight: '5x200', dataflow_last_success_timestamp_seconds: '60x200' },
    quiet: { dataflow_messages_in_flight: '5x200', dataflow_last_success_timestamp_seconds: '60+60x200' },
  },
  DataflowSilent: {
    fires: { 'dataflow_messages_settled_total{outcome="acked"}': STANDS },
    quiet: { 'dataflow_messages_settled_total{outcome="acked"}': GROWS },
    labels: BY_PIPELINE,
  },
  DataflowCreditUsedUp: {
    fires: { dataflow_credit_used_messages: '1000x200', dataflow_credit_limit_messages: '1000x200' },
    quiet: { dataflow_credit_used_messages: '900x200', dataflow_credit_limit_messages: '1000x200' },
  },
  DataflowMessagesLate: { fires: ages('300', '600', 5), quiet: ages('300', '600', 10), labels: BY_PIPELINE },
  DataflowMessagesVeryLate: { fires: ages('3600', '7200', 5), quiet: ages('3600', '7200', 10), labels: BY_PIPELINE },
  DataflowTargetFailing: {
    fires: { 'dataflow_failing_target_messages{target="raw"}': '3x200' },
    quiet: { 'dataflow_failing_target_messages{target="raw"}': '3x5' },
    labels: { ...BY_PIPELINE, target: 'raw' },
  },
  DataflowDeadLetters: {
    ...grows('dataflow_dead_letters_total{reason="no_key"}'),
    labels: { ...BY_PIPELINE, reason: 'no_key' },
  },
  DataflowDeadLettersMany: {
    fires: {
      'dataflow_dead_letters_total{reason="no_key"}': '0+2x200',
      dataflow_messages_received_total: '0+100x200',
    },
    quiet: {
      'dataflow_dead_letters_total{reason="no_key"}': '0+2x200',
      dataflow_messages_received_total: '0+1000x200',
    },
    labels: BY_PIPELINE,
  },
  DataflowDeadLettersUnsafe: {
    ...event('dead_letter.refused'),
    labels: { ...BY_INSTANCE, event: 'dead_letter.refused' },
  },
  DataflowLedgerImbalance: {
    fires: {
      dataflow_messages_received_total: '0+10x200',
      dataflow_messages_in_flight: '1x200',
      'dataflow_messages_settled_total{outcome="acked"}': '0+9x200',
    },
    quiet: {
      dataflow_messages_received_total: '3+10x200',
      dataflow_messages_in_flight: '1x200',
      'dataflow_messages_settled_total{outcome="acked"}': '2+9x200',
      'dataflow_messages_settled_total{outcome="nacked"}': '0+1x200',
    },
  },
  DataflowSettledTwice: {
    ...grows('dataflow_settlement_faults_total{fault="twice"}'),
    labels: { ...OWN, fault: 'twice' },
  },
  DataflowSettledLate: {
    ...grows('dataflow_settlement_faults_total{fault="late"}'),
    labels: { ...OWN, fault: 'late' },
  },
  DataflowExpired: {
    ...grows('dataflow_messages_settled_total{outcome="expired"}'),
    labels: { ...OWN, outcome: 'expired' },
  },
  DataflowUnconfirmed: grows('dataflow_pubsub_settlements_unconfirmed_total'),
  DataflowAbandoned: { ...event('service.abandoned'), labels: { ...OWN, event: 'service.abandoned' } },
  DataflowSessionAtRisk: { ...event('mqtt.session_lost'), labels: { ...BY_INSTANCE, event: 'mqtt.session_lost' } },
  DataflowConnectionsMissing: {
    fires: { dataflow_connections_open: '1x200', dataflow_connections_configured: '2x200' },
    quiet: { dataflow_connections_open: '2x200', dataflow_connections_configured: '2x200' },
  },
  DataflowReconnects: {
    fires: { ...event('pubsub.stream_lost').fires, dataflow_connections_configured: '2x200' },
    quiet: {
      ...event('pubsub.stream_lost', GROWS, '0x30 1x30 2x30 3x30').quiet,
      dataflow_connections_configured: '2x200',
    },
    labels: BY_INSTANCE,
  },
  DataflowRetries: {
    ...event('insert.retried', '0+5x200', '0+1x200'),
    labels: { ...BY_PIPELINE, event: 'insert.retried' },
  },
  DataflowGivenBack: { ...event('insert.failed'), labels: { ...BY_PIPELINE, event: 'insert.failed' } },
  DataflowPubacksOwed: {
    fires: { dataflow_mqtt_pubacks_owed: '500x200', dataflow_messages_in_flight: '100x200' },
    quiet: { dataflow_mqtt_pubacks_owed: '500x200', dataflow_messages_in_flight: '500x200' },
  },
  DataflowMemoryNearLimit: {
    fires: { process_resident_memory_bytes: '95x200', dataflow_memory_limit_bytes: '100x200' },
    quiet: { process_resident_memory_bytes: '80x200', dataflow_memory_limit_bytes: '100x200' },
  },
  DataflowProcessorBusy: {
    fires: { process_cpu_seconds_total: '0+59x200' },
    quiet: { process_cpu_seconds_total: '0+40x200' },
  },
  DataflowSmallObjects: { ...event('upload.small'), labels: { ...OWN, event: 'upload.small' } },
  DataflowCacheMisses: {
    fires: {
      'dataflow_lookup_results_total{layer="memory",result="found"}': '0+40x200',
      'dataflow_lookup_results_total{layer="firestore",result="found"}': '0+60x200',
    },
    quiet: {
      'dataflow_lookup_results_total{layer="memory",result="found"}': '0+60x200',
      'dataflow_lookup_results_total{layer="firestore",result="found"}': '0+40x200',
    },
    labels: BY_PIPELINE,
  },
  DataflowCacheSkipped: { ...event('cache.skipped'), labels: { ...OWN, event: 'cache.skipped' } },
  DataflowLogLinesDropped: grows('dataflow_log_lines_dropped_total'),
};

/** Gives each series the labels of an instance, and pipeline names as they are. */
function inputSeries(series: Series, labels: Readonly<Record<string, string>>) {
  const common = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return Object.entries(series).map(([name, values]) => {
    const [, metric = '', own] = /^(\w+)(?:\{(.*)\})?$/.exec(name) ?? [];
    return { series: `${metric}{${[...(own === undefined ? [] : [own]), ...common].join(',')}}`, values };
  });
}

/** The input of `promtool test rules`. Annotations are left out of the copy of the rules, which it would compare. */
function promtoolTests(rules: string) {
  const tests = Object.entries(CASES).flatMap(([alert, { fires, quiet, labels = OWN, at = '2h' }]) => {
    const severity = RULES.find((rule) => rule.alert === alert)?.labels.severity;
    const test = (series: Series, expected: readonly unknown[]) => ({
      interval: '1m',
      name: alert,
      input_series: inputSeries(series, OWN),
      alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: expected }],
    });
    return [test(fires, [{ exp_labels: { ...labels, severity } }]), test(quiet, [])];
  });
  return { rule_files: [rules], evaluation_interval: '1m', tests };
}

function promtool(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.is(status, 0, `${stdout}${stderr}`);
}

suite('the alerts', (it) => {
  const { test } = it;

  test('link to their own section of the runbook, and each section has an alert', () => {
    assert.ok(RULES.length > 30, `${RULES.length} rules are found`);
    const sections = Array.from(RUNBOOK.matchAll(/^### (.+)$/gm), ([, title = '']) => title);
    assert.equal(
      sections,
      RULES.map(({ alert }) => alert),
    );
    for (const { alert, annotations } of RULES) {
      assert.is(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`);
      const section = RUNBOOK.split(`\n### ${alert}\n`)[1]?.split('\n## ')[0]?.split('\n### ')[0] ?? '';
      for (const part of [/\*\*Symptom/, /\*\*Metric/, /cause/i, /action/i]) assert.match(section, part, alert);
    }
  });

  test('are explained with links and commands that exist', () => {
    const anchors = new Set(
      Array.from(RUNBOOK.matchAll(/^#+ (.+)$/gm), ([, title = '']) => title.toLowerCase().replaceAll(' ', '-')),
    );
    const links = Array.from(RUNBOOK.matchAll(/\]\(#([\w-]+)\)/g), ([, anchor = '']) => anchor);
    assert.ok(links.length > 5, `${links.length} links are found`);
    assert.equal(
      links.filter((anchor) => !anchors.has(anchor)),
      [],
    );
    const program = createProgram();
    const commands = Array.from(RUNBOOK.matchAll(/`npm run cli -- ([^`]+)`/g), ([, line = '']) => line);
    assert.ok(commands.length > 20, `${commands.length} commands are found`);
    for (const line of commands) {
      const [name, second] = line.split(/\s+/);
      const command = program.commands.find((each) => each.name() === name);
      assert.ok(command !== undefined, line);
      const called = command?.commands.find((each) => each.name() === second) ?? command;
      const options = new Set(called?.options.map(({ long }) => long));
      for (const [option] of line.matchAll(/--[\w-]+/g)) assert.ok(options.has(option), `${line}: ${option}`);
    }
  });

  test('each have a case that fires and one that does not', () => {
    assert.equal(
      Object.keys(CASES),
      RULES.map(({ alert }) => alert),
    );
  });

  const checked = 'are accepted by promtool, with the example of a scrape configuration';
  const fire = 'fire when they should, and not otherwise';
  if (spawnSync('promtool', ['--version']).error !== undefined) {
    for (const title of [checked, fire]) it.skip(title, 'promtool is not installed');
    return;
  }

  test(checked, () => {
    promtool('check', 'rules', join(FOLDER, 'alerts.yaml'));
    promtool('check', 'config', join(FOLDER, 'prometheus.yaml'));
  });

  test(fire, async () => {
    await withTemporaryFolder((folder) => {
      const groups = FILE.groups.map(({ name, rules }) => ({
        name,
        rules: rules.map(({ annotations: _annotations, ...rule }) => rule),
      }));
      writeFileSync(join(folder, 'rules.yaml'), stringify({ groups }));
      writeFileSync(join(folder, 'tests.yaml'), stringify(promtoolTests('rules.yaml')));
      promtool('test', 'rules', join(folder, 'tests.yaml'));
    });
  });
});
