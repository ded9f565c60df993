/** The dashboard deploy/grafana/dashboard.json: rows of panels, each with its queries. */

interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  readonly about: string;
  /** A unit of Grafana: `short`, `s`, `bytes`, `cps`, `percentunit` */
  readonly unit: string;
  readonly queries: readonly Query[];
  readonly kind?: 'timeseries' | 'stat' | 'state-timeline';
}

interface Text {
  readonly title: string;
  readonly markdown: string;
}

interface Row {
  readonly title: string;
  readonly panels: readonly (Panel | Text)[];
}

const FILTER = 'service=~"$service",pipeline=~"$pipeline",instance=~"$instance"';
const QUANTILES = [0.5, 0.95, 0.99];

/** Selects a metric of the chosen services, pipelines and instances. */
const of = (metric: string, matchers = ''): string => `${metric}{${FILTER}${matchers === '' ? '' : `,${matchers}`}}`;
const rate = (metric: string, matchers?: string): string => `rate(${of(metric, matchers)}[$__rate_interval])`;
const increase = (metric: string, matchers?: string): string => `increase(${of(metric, matchers)}[$__rate_interval])`;
const query = (legend: string, expr: string): Query => ({ expr, legend });

/** Sums by pipeline and further labels, which make the legend. */
function sum(inner: string, ...labels: string[]): Query {
  const by = ['pipeline', ...labels];
  return query(by.map((label) => `{{${label}}}`).join(' '), `sum by (${by.join(', ')}) (${inner})`);
}

/** Percentiles of a histogram by pipeline. */
function percentiles(metric: string): Query[] {
  return QUANTILES.map((quantile) =>
    query(
      `{{pipeline}} p${quantile * 100}`,
      `histogram_quantile(${quantile}, sum by (pipeline, le) (${rate(`${metric}_bucket`)}))`,
    ),
  );
}

const ROWS: readonly Row[] = [
  {
    title: 'At a glance',
    panels: [
      {
        title: 'Ready instances',
        about: 'Instances whose /readyz answers 200.',
        unit: 'short',
        kind: 'stat',
        queries: [sum(of('dataflow_ready'))],
      },
      {
        title: 'Since the last success',
        about: 'Time since a sink accepted a message, of the instance that was last.',
        unit: 's',
        kind: 'stat',
        queries: [
          query('{{pipeline}}', `time() - max by (pipeline) (${of('dataflow_last_success_timestamp_seconds')} > 0)`),
        ],
      },
      {
        title: 'Unbalanced messages',
        about: 'Received, but neither settled nor in flight. Anything but 0 is a bug.',
        unit: 'short',
        kind: 'stat',
        queries: [
          query(
            '{{pipeline}}',
            `sum by (pipeline) (${of('dataflow_messages_received_total')}) - sum by (pipeline) (${of('dataflow_messages_in_flight')}) - sum by (pipeline) (${of('dataflow_messages_settled_total')})`,
          ),
        ],
      },
      {
        title: 'Versions',
        about: 'Instances by version of the program and of Node.js.',
        unit: 'short',
        kind: 'stat',
        queries: [sum(of('dataflow_build_info'), 'version', 'node')],
      },
    ],
  },
  {
    title: 'Throughput',
    panels: [
      {
        title: 'Messages by stage',
        about: 'Messages per second that passed each stage of the graph.',
        unit: 'cps',
        queries: [sum(rate('dataflow_stage_messages_total'), 'stage')],
      },
      {
        title: 'Settled by outcome',
        about: 'Messages per second: acked, nacked, dead_lettered, dropped, expired.',
        unit: 'cps',
        queries: [sum(rate('dataflow_messages_settled_total'), 'outcome')],
      },
      {
        title: 'Backlog and oldest message',
        markdown: [
          'Messages that wait in Pub/Sub are not in the metrics of the services. Add a panel with the data source Google Cloud',
          'Monitoring, for each subscription:',
          '',
          '- `pubsub.googleapis.com/subscription/num_undelivered_messages`: the backlog',
          '- `pubsub.googleapis.com/subscription/oldest_unacked_message_age`: age of the oldest message, in seconds',
          '- `pubsub.googleapis.com/subscription/expired_ack_deadlines_count`: leases that ended',
          '- `pubsub.googleapis.com/subscription/dead_letter_message_count`: messages that Pub/Sub itself dead-lettered',
          '',
          'What to do about each is in `docs/runbook.md`.',
        ].join('\n'),
      },
    ],
  },
  {
    title: 'Time',
    panels: [
      {
        title: 'Age of messages',
        about: 'From the publish time (receipt by ingestion) until the sink accepted the message.',
        unit: 's',
        queries: percentiles('dataflow_message_age_seconds'),
      },
      {
        title: 'Time in the service',
        about: 'From receipt by this service until settlement.',
        unit: 's',
        queries: percentiles('dataflow_message_duration_seconds'),
      },
      {
        title: 'Calls, 95th percentile',
        about: 'One successful request without retries: publish, dead letters, insert, upload.',
        unit: 's',
        queries: (
          [
            ['publish', 'dataflow_publish_duration_seconds'],
            ['dead letters', 'dataflow_dead_letter_publish_duration_seconds'],
            ['insert', 'dataflow_insert_duration_seconds'],
            ['upload', 'dataflow_upload_duration_seconds'],
          ] as const
        ).map(([name, metric]) =>
          query(
            `{{pipeline}} ${name}`,
            `histogram_quantile(0.95, sum by (pipeline, le) (${rate(`${metric}_bucket`)}))`,
          ),
        ),
      },
    ],
  },
  {
    title: 'Bounds',
    panels: [
      {
        title: 'Credit used',
        about: 'Share of the messages that the source may hold. At 100 % the sink is slower than the source.',
        unit: 'percentunit',
        queries: [
          query(
            '{{pipeline}} {{instance}}',
            `${of('dataflow_credit_used_messages')} / ${of('dataflow_credit_limit_messages')}`,
          ),
          query(
            '{{pipeline}} {{instance}} peak',
            `${of('dataflow_credit_peak_messages')} / ${of('dataflow_credit_limit_messages')}`,
          ),
          query(
            '{{pipeline}} {{instance}} bytes',
            `${of('dataflow_credit_used_bytes')} / ${of('dataflow_credit_limit_bytes')}`,
          ),
        ],
      },
      {
        title: 'In flight',
        about: 'Unsettled messages, and the most that the source may hold.',
        unit: 'short',
        queries: [
          sum(of('dataflow_messages_in_flight')),
          query('{{pipeline}} limit', `sum by (pipeline) (${of('dataflow_credit_limit_messages')})`),
          query('{{pipeline}} waiting for credit', `sum by (pipeline) (${of('dataflow_pubsub_messages_pending')})`),
        ],
      },
      {
        title: 'Bytes in flight',
        about: 'Bytes of unsettled messages.',
        unit: 'bytes',
        queries: [sum(of('dataflow_messages_in_flight_bytes'))],
      },
      {
        title: 'Failing targets',
        about: 'Messages that wait for a failing topic, place, bucket or table.',
        unit: 'short',
        queries: [sum(of('dataflow_failing_target_messages'), 'target')],
      },
    ],
  },
  {
    title: 'Batches, objects and rows',
    panels: [
      {
        title: 'Batches by reason',
        about: 'Batches per second by the reason they left, and all of them.',
        unit: 'cps',
        queries: [
          sum(rate('dataflow_flushed_batches_total'), 'reason'),
          sum(rate('dataflow_stage_batches_total'), 'stage'),
        ],
      },
      {
        title: 'Messages in a batch',
        about: 'Mean of the batches that left. For bigqueries: rows in an insert.',
        unit: 'short',
        queries: [
          query(
            '{{pipeline}}',
            `sum by (pipeline) (${rate('dataflow_flushed_messages_total')}) / sum by (pipeline) (${rate('dataflow_flushed_batches_total')})`,
          ),
        ],
      },
      {
        title: 'Bytes in a batch',
        about: 'Mean of the batches that left.',
        unit: 'bytes',
        queries: [
          query(
            '{{pipeline}}',
            `sum by (pipeline) (${rate('dataflow_flushed_bytes_total')}) / sum by (pipeline) (${rate('dataflow_flushed_batches_total')})`,
          ),
        ],
      },
      {
        title: 'Batches at present',
        about: 'Open to further messages, full and waiting, in progress; and the most of them.',
        unit: 'short',
        queries: [
          sum(of('dataflow_batches'), 'state'),
          query('{{pipeline}} {{state}} limit', `sum by (pipeline, state) (${of('dataflow_batches_limit')})`),
        ],
      },
      {
        title: 'Objects by reason',
        about: 'Objects per second by the reason their batch left, and all that are stored.',
        unit: 'cps',
        queries: [
          sum(rate('dataflow_objects_written_total'), 'reason'),
          query('{{pipeline}} stored', `sum by (pipeline) (${rate('dataflow_stage_objects_total')})`),
        ],
      },
      {
        title: 'Size of objects',
        about: 'After compression. Many small ones cost requests.',
        unit: 'bytes',
        queries: percentiles('dataflow_object_size_bytes'),
      },
    ],
  },
  {
    title: 'Lookups',
    panels: [
      {
        title: 'Lookups by layer',
        about: 'Results per second by the layer that answered.',
        unit: 'cps',
        queries: [sum(rate('dataflow_lookup_results_total'), 'layer', 'result')],
      },
      {
        title: 'Answered by memory',
        about: 'Share of the lookups that the memory cache answered.',
        unit: 'percentunit',
        queries: [
          query(
            '{{pipeline}}',
            `sum by (pipeline) (${rate('dataflow_lookup_results_total', 'layer="memory"')}) / sum by (pipeline) (${rate('dataflow_lookup_results_total')})`,
          ),
        ],
      },
      {
        title: 'Entries of the cache',
        about: 'Keys by layer.',
        unit: 'short',
        queries: [sum(of('dataflow_cache_entries'), 'layer')],
      },
      {
        title: 'Size of the cache',
        about: 'Estimated share of the most bytes that its entries may take.',
        unit: 'percentunit',
        queries: [
          query(
            '{{pipeline}} {{instance}} {{layer}}',
            `${of('dataflow_cache_size_bytes')} / ${of('dataflow_cache_limit_bytes')}`,
          ),
        ],
      },
    ],
  },
  {
    title: 'Faults',
    panels: [
      {
        title: 'Dead letters by reason',
        about: 'Messages in each interval.',
        unit: 'short',
        queries: [sum(increase('dataflow_dead_letters_total'), 'reason')],
      },
      {
        title: 'Retries',
        about: 'Repeated calls in each interval.',
        unit: 'short',
        queries: [sum(increase('dataflow_events_total', 'event=~".+[.](retried|waiting|failed)"'), 'event')],
      },
      {
        title: 'Lost connections',
        about: 'In each interval. Pub/Sub ends a healthy stream from time to time.',
        unit: 'short',
        queries: [sum(increase('dataflow_events_total', 'event=~"mqtt.disconnected|pubsub.stream_lost"'), 'event')],
      },
      {
        title: 'Settlement faults',
        about: 'Settled twice (a bug), late (work that is repeated), expired, or not confirmed by Pub/Sub.',
        unit: 'short',
        queries: [
          sum(increase('dataflow_settlement_faults_total'), 'fault'),
          sum(increase('dataflow_messages_settled_total', 'outcome="expired"'), 'outcome'),
          query(
            '{{pipeline}} unconfirmed',
            `sum by (pipeline) (${increase('dataflow_pubsub_settlements_unconfirmed_total')})`,
          ),
          query(
            '{{pipeline}} out of turn',
            `sum by (pipeline) (${increase('dataflow_pubsub_messages_out_of_turn_total')})`,
          ),
        ],
      },
    ],
  },
  {
    title: 'Connections and readiness',
    panels: [
      {
        title: 'Connections',
        about: 'Open connections to the broker or streams of the subscription, and how many should be.',
        unit: 'short',
        queries: [
          sum(of('dataflow_connections_open')),
          query('{{pipeline}} configured', `sum by (pipeline) (${of('dataflow_connections_configured')})`),
          query('{{pipeline}} paused', `sum by (pipeline) (${of('dataflow_mqtt_connections_paused')})`),
        ],
      },
      {
        title: 'PUBACKs',
        about: 'Owed to the broker, and those that wait only for an older one.',
        unit: 'short',
        queries: [
          query('{{pipeline}} owed', `sum by (pipeline) (${of('dataflow_mqtt_pubacks_owed')})`),
          query('{{pipeline}} blocked', `sum by (pipeline) (${of('dataflow_mqtt_pubacks_blocked')})`),
        ],
      },
      {
        title: 'Parts that fail or are degraded',
        about: 'By part of /readyz: 2 is failing, 1 is degraded, 0 is ok.',
        unit: 'short',
        kind: 'state-timeline',
        queries: [
          query(
            '{{pipeline}} {{instance}} {{part}}',
            `2 * max by (pipeline, instance, part) (${of('dataflow_part_state', 'state="failing"')}) + max by (pipeline, instance, part) (${of('dataflow_part_state', 'state="degraded"')})`,
          ),
        ],
      },
    ],
  },
  {
    title: 'Process',
    panels: [
      {
        title: 'Processor',
        about: 'Cores in use. One instance uses about one core at most.',
        unit: 'short',
        queries: [query('{{pipeline}} {{instance}}', rate('process_cpu_seconds_total'))],
      },
      {
        title: 'Memory',
        about: 'Resident memory, and the limit of the container.',
        unit: 'bytes',
        queries: [
          query('{{pipeline}} {{instance}}', of('process_resident_memory_bytes')),
          query('{{pipeline}} {{instance}} limit', of('dataflow_memory_limit_bytes')),
        ],
      },
      {
        title: 'Delay of the event loop',
        about: '99th percentile. An idle service shows 50 ms, the sampling interval.',
        unit: 's',
        queries: [query('{{pipeline}} {{instance}}', of('nodejs_eventloop_lag_p99_seconds'))],
      },
      {
        title: 'Dropped log lines',
        about: 'In each interval.',
        unit: 'short',
        queries: [sum(increase('dataflow_log_lines_dropped_total'))],
      },
      {
        title: 'Spans of traces',
        about: 'Ended, accepted by the collector, and failed, in each interval; without a collector none.',
        unit: 'short',
        queries: [sum(increase('dataflow_spans_total'), 'state')],
      },
    ],
  },
];

const WIDTH = 24;
const HEIGHT = 8;
const LOW_HEIGHT = 5;
const MOST_IN_A_LINE = 3;
const DATA_SOURCE = { type: 'prometheus', uid: '$datasource' };

/** Returns the dashboard in Grafana's JSON. */
export function dashboard(): string {
  let y = 0;
  let id = 0;
  const panels: unknown[] = [];
  for (const row of ROWS) {
    id += 1;
    panels.push({
      id,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    const isLow = row.panels.every((panel) => 'kind' in panel && panel.kind === 'stat');
    const inLine = row.panels.length % MOST_IN_A_LINE === 1 ? MOST_IN_A_LINE + 1 : MOST_IN_A_LINE;
    const [w, h] = [WIDTH / Math.min(inLine, row.panels.length), isLow ? LOW_HEIGHT : HEIGHT];
    for (const [index, panel] of row.panels.entries()) {
      id += 1;
      const gridPos = { x: (index % inLine) * w, y: y + Math.floor(index / inLine) * h, w, h };
      panels.push('markdown' in panel ? textPanel(id, panel, gridPos) : chart(id, panel, gridPos));
    }
    y += Math.ceil(row.panels.length / inLine) * h;
  }
  const page = {
    uid: 'dataflow',
    title: 'Dataflow services',
    description: 'Generated from docs/dashboard.ts by `npm run docs:dashboard`.',
    tags: ['dataflow'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    time: { from: 'now-3h', to: 'now' },
    refresh: '30s',
    timezone: 'browser',
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        variable('service', 'dataflow_build_info'),
        variable('pipeline', 'dataflow_build_info{service=~"$service"}'),
        variable('instance', 'dataflow_build_info{service=~"$service",pipeline=~"$pipeline"}'),
      ],
    },
    panels,
  };
  return `${JSON.stringify(page, undefined, 2)}\n`;
}

/** All queries of the dashboard. */
export function dashboardQueries(): string[] {
  return ROWS.flatMap(({ panels }) =>
    panels.flatMap((panel) => ('queries' in panel ? panel.queries.map(({ expr }) => expr) : [])),
  );
}

function variable(label: string, series: string) {
  const query = `label_values(${series}, ${label})`;
  return {
    name: label,
    label: label[0]?.toUpperCase() + label.slice(1),
    type: 'query',
    datasource: DATA_SOURCE,
    definition: query,
    query: { query, refId: label },
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
    refresh: 2,
    sort: 1,
  };
}

function textPanel(id: number, { title, markdown }: Text, gridPos: unknown) {
  return { id, type: 'text', title, gridPos, options: { mode: 'markdown', content: markdown } };
}

function chart(id: number, { title, about, unit, queries, kind = 'timeseries' }: Panel, gridPos: unknown) {
  return {
    id,
    type: kind,
    title,
    description: about,
    datasource: DATA_SOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, min: kind === 'timeseries' ? 0 : undefined }, overrides: [] },
    options: kind === 'timeseries' ? { legend: { displayMode: 'list', placement: 'bottom' } } : {},
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource: DATA_SOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}
