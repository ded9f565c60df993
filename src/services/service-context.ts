import { totalmem } from 'node:os';
import type { Storage } from '@google-cloud/storage';
import type { Observable } from 'rxjs';
import type { ServiceClients } from '../connectors/pubsub/service-client.ts';
import { Credit } from '../core/credit.ts';
import type { Delivery, DeliveryContext, Outcome } from '../core/delivery.ts';
import { POISON_REASONS } from '../core/errors.ts';
import { Ledger } from '../core/ledger.ts';
import { MinuteCounts } from '../core/minute-counts.ts';
import { Probe } from '../core/probe.ts';
import { Readiness } from '../core/readiness.ts';
import type { DeadLetterEvent } from '../dead-letters/sink.ts';
import { previewOf } from '../http/preview.ts';
import type { RecentDeadLetter } from '../http/snapshot.ts';
import { type Batch, FLUSH_REASONS, type FlushReason } from '../operators/batcher.ts';
import type { BatchesView, FailingTargetsView } from '../operators/failing-targets.ts';
import { settleSeconds, Telemetry, type TelemetryOptions } from '../telemetry/telemetry.ts';
import { TickClock } from '../util/clock.ts';
import { Ring } from '../util/ring.ts';
import { packageVersion } from '../util/version.ts';
import type { CommonConfig } from './config.ts';
import { PublishAges } from './publish-ages.ts';

/** Injected parts that every service accepts. */
export interface CommonDependencies {
  readonly pubsub?: ServiceClients;
  /** Used for archives, and for dead letters that are too large for Pub/Sub. */
  readonly storage?: Storage;
  /** The pipeline's name, and overrides of log level, log destination and process metrics. */
  readonly telemetry?: Partial<TelemetryOptions>;
}

/** The probes of every service. */
export interface CommonProbes {
  /** Messages entering the graph. */
  readonly received: Probe<Delivery>;
  /** Batches leaving for the sink. */
  readonly flushed: Probe<Batch>;
  readonly settled: Probe<Outcome>;
  readonly deadLettered: Probe<DeadLetterEvent>;
}

/** Everything the parts of one service share: ledger, credit, readiness, telemetry. */
export interface ServiceContext {
  readonly service: string;
  readonly ledger: Ledger;
  readonly credit: Credit;
  /** Opens more credit with the same limits, for a separate source. */
  openCredit(): Credit;
  /** The graphs, each with its failing targets. */
  readonly graphs: readonly GraphState[];
  /** Reports a graph's failing targets in metrics and readiness. */
  watchTargets(state: GraphState): void;
  readonly readiness: Readiness;
  readonly telemetry: Telemetry;
  /** Creates the probe `<service>.<name>`. Its count is a sample of `dataflow_stage_<counted>_total`. */
  probe<T>(name: string, counted: Counted): Probe<T>;
  /** All probes, in the order of their creation. */
  readonly probes: readonly NamedProbe[];
  /** The latest dead letters. */
  readonly recentDeadLetters: Ring<RecentDeadLetter>;
  /** The credit of all sources together. */
  readonly totalCredit: TotalCredit;
  /** Names of what the service reads and writes; its parts fill it in as they open. */
  readonly wiring: Wiring;
  /** Endings by minute of publish time. */
  readonly minutes: MinuteCounts;
  /** Ages of messages when the sink has them, and the time of the last success. */
  readonly ages: PublishAges;
  /** Creates the probes of every service. */
  commonProbes(): CommonProbes;
  /** Creates the context that a source's deliveries share. */
  context(deadLetter: DeliveryContext['deadLetter'], credit?: Credit): DeliveryContext;
}

/** Names of what a service reads and writes, such as `projects/p/topics/t`. */
export interface Wiring {
  /** The subscription or broker. */
  input?: string;
  /** The topic of the subscription, once Pub/Sub has told it. */
  inputTopic?: string;
  /** Topics, a bucket or a table. They may change while the service runs. */
  outputs: () => readonly string[];
}

/** What the sources of a service hold together, and may hold. */
export type TotalCredit = Pick<Credit, 'limits' | 'messages' | 'bytes' | 'peakMessages'>;

/** The observable state of a running graph. */
export interface GraphState {
  readonly credit: Credit;
  readonly failing: FailingTargetsView;
  /** The remedy if a failing target holds up the whole source. */
  readonly remedy?: string;
  /** True for the sink of dead letters, which is outside the graph. */
  readonly isForDeadLetters?: boolean;
}

/** What a probe counts; `elsewhere` if another metric counts it. */
export type Counted = 'messages' | 'batches' | 'objects' | 'elsewhere';

/** A probe of a service by its name: `received`, `flushed` … */
export interface NamedProbe {
  readonly name: string;
  readonly counted: Counted;
  readonly probe: Observable<unknown> & { readonly count: number };
}

interface Stage {
  readonly stage: string;
  readonly passed: { readonly count: number };
}

const OUTCOMES = ['acked', 'nacked', 'deadLettered', 'dropped', 'expired'] as const;
const STATES = ['ok', 'degraded', 'failing'] as const;

/** Dead letters that the live page shows. */
const RECENT_DEAD_LETTERS = 20;

/** Target names in a metric, limited because an archive's places are unbounded. */
const MOST_TARGETS = 10;

/** Limits on unsettled messages, named like the settings of every source. */
export interface InFlightLimits {
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  /** The longest wait of a message for its batch, in milliseconds. Default: 0. */
  readonly maxWaitMs?: number;
}

/** Creates the context of a service, and exports its counts as metrics. */
export function openServiceContext(
  service: string,
  config: CommonConfig,
  { maxInFlight, maxInFlightBytes, maxWaitMs = 0 }: InFlightLimits,
  dependencies: CommonDependencies,
): ServiceContext {
  const ledger = new Ledger();
  const newCredit = () => new Credit({ maxMessages: maxInFlight, maxBytes: maxInFlightBytes });
  const credit = newCredit();
  const credits = [credit];
  const total = (read: (credit: Credit) => number) => credits.reduce((sum, each) => sum + read(each), 0);
  const graphs: GraphState[] = [];
  const readiness = new Readiness();
  const telemetry = new Telemetry(service, { ...config.log, ...dependencies.telemetry });
  const probes: NamedProbe[] = [];
  const recentDeadLetters = new Ring<RecentDeadLetter>(RECENT_DEAD_LETTERS);
  /** Grouped by what is counted, since a sum of different things is meaningless. */
  const stages = new Map<Counted, Stage[]>();

  telemetry.counter(
    'dataflow_messages_received_total',
    'Messages that entered the graph. Equals the settled ones of every outcome plus those in flight.',
    () => [[{}, ledger.received]],
    [],
  );
  telemetry.counter(
    'dataflow_messages_settled_total',
    'Messages by outcome.',
    () => OUTCOMES.map((outcome) => [{ outcome: snakeCase(outcome) }, ledger[outcome]]),
    ['outcome'],
  );
  telemetry.counter(
    'dataflow_settlement_faults_total',
    'Deliveries settled twice (a bug), or after their lease or session had expired (work that is repeated).',
    () => [
      [{ fault: 'twice' }, ledger.settledTwice],
      [{ fault: 'late' }, ledger.settledLate],
    ],
    ['fault'],
  );
  telemetry.gauge('dataflow_messages_in_flight', 'Unsettled messages.', () => [[{}, ledger.inFlight]], []);
  telemetry.gauge(
    'dataflow_messages_in_flight_bytes',
    'Bytes of unsettled messages.',
    () => [[{}, ledger.inFlightBytes]],
    [],
  );
  telemetry.gauge(
    'dataflow_credit_used_messages',
    'Messages that the source has taken credit for.',
    () => [[{}, total(({ messages }) => messages)]],
    [],
  );
  telemetry.gauge(
    'dataflow_credit_limit_messages',
    'The most messages that the source may have credit for.',
    () => [[{}, total(({ limits }) => limits.maxMessages)]],
    [],
  );
  telemetry.gauge(
    'dataflow_credit_peak_messages',
    'The most messages that the source has had credit for.',
    () => [[{}, total(({ peakMessages }) => peakMessages)]],
    [],
  );
  telemetry.gauge(
    'dataflow_credit_used_bytes',
    'Bytes that the source has taken credit for.',
    () => [[{}, total(({ bytes }) => bytes)]],
    [],
  );
  telemetry.gauge(
    'dataflow_credit_limit_bytes',
    'The most bytes that the source may have credit for.',
    () => [[{}, total(({ limits }) => limits.maxBytes)]],
    [],
  );
  telemetry.gauge(
    'dataflow_failing_target_messages',
    `Messages that wait for a failing target: the ${MOST_TARGETS} with the most, and all others together.`,
    () => {
      const all = graphs.flatMap(({ failing }) => failing.entries).sort(([, one], [, other]) => other - one);
      const others = all.slice(MOST_TARGETS).reduce((sum, [, messages]) => sum + messages, 0);
      return [...all.slice(0, MOST_TARGETS), ...(others > 0 ? [['others', others] as const] : [])].map(
        ([target, messages]) => [{ target }, messages],
      );
    },
    ['target'],
  );
  telemetry.gauge('dataflow_ready', '1 while /readyz answers 200.', () => [[{}, readiness.report.ready ? 1 : 0]], []);
  telemetry.gauge(
    'dataflow_part_state',
    '1 for the current state of each part of /readyz, 0 for the other states.',
    () =>
      Object.entries(readiness.report.components).flatMap(([part, condition]) =>
        STATES.map((state) => [{ part, state }, condition.state === state ? 1 : 0] as const),
      ),
    ['part', 'state'],
  );

  const wiring: Wiring = { outputs: () => [] };
  const version = packageVersion();
  telemetry.gauge(
    'dataflow_build_info',
    'Always 1: the version of this program, and of Node.js.',
    () => [[{ version, node: process.versions.node }, 1]],
    ['version', 'node'],
  );
  telemetry.gauge(
    'dataflow_memory_limit_bytes',
    'The most memory that the container may take; no sample without a limit.',
    () => memoryLimit().map((bytes) => [{}, bytes]),
    [],
  );
  showBatches(telemetry, graphs);

  const clock = new TickClock();
  const onSettled = telemetry.histogram(
    'dataflow_message_duration_seconds',
    'Time of a message in this service, from receipt to settlement.',
    settleSeconds(maxWaitMs),
  );

  function stagesOf(counted: Counted): Stage[] {
    const known = stages.get(counted);
    if (known !== undefined) return known;
    const added: Stage[] = [];
    stages.set(counted, added);
    telemetry.counter(
      `dataflow_stage_${counted}_total`,
      `The ${counted} that passed each stage of the graph.`,
      () => added.map(({ stage, passed }) => [{ stage }, passed.count]),
      ['stage'],
    );
    return added;
  }

  function probe<T>(name: string, counted: Counted): Probe<T> {
    const added = new Probe<T>(`${service}.${name}`);
    probes.push({ name, counted, probe: added });
    if (counted !== 'elsewhere') stagesOf(counted).push({ stage: snakeCase(name), passed: added });
    return added;
  }

  return {
    service,
    ledger,
    credit,
    openCredit: () => {
      const added = newCredit();
      credits.push(added);
      return added;
    },
    graphs,
    watchTargets: (state) => graphs.push(state),
    readiness,
    telemetry,
    probe,
    probes,
    recentDeadLetters,
    wiring,
    minutes: new MinuteCounts(),
    ages: new PublishAges(telemetry),
    totalCredit: {
      get limits() {
        return {
          maxMessages: total(({ limits }) => limits.maxMessages),
          maxBytes: total(({ limits }) => limits.maxBytes),
        };
      },
      get messages() {
        return total(({ messages }) => messages);
      },
      get bytes() {
        return total(({ bytes }) => bytes);
      },
      get peakMessages() {
        return total(({ peakMessages }) => peakMessages);
      },
    },
    commonProbes: () => {
      const deadLettered = probe<DeadLetterEvent>('deadLettered', 'messages');
      if (config.http.page) keepRecent(deadLettered, recentDeadLetters);
      countReasons(telemetry, deadLettered);
      const received = probe<Delivery>('received', 'messages');
      const flushed = probe<Batch>('flushed', 'batches');
      countFlushes(telemetry, flushed);
      return {
        received,
        flushed,
        settled: probe('settled', 'messages'),
        deadLettered,
      };
    },
    context: (deadLetter, ofSource = credit) => {
      const { tracing } = telemetry;
      return {
        ledger,
        credit: ofSource,
        deadLetter,
        stopwatch: { now: () => clock.now(), onSettled },
        startTrace: tracing && ((original) => tracing.startMessage(original, wiring.input ?? '')),
      };
    },
  };
}

/** Returns the memory limit of the container in bytes; nothing if there is none below the memory of the machine. */
function memoryLimit(): number[] {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem() ? [bytes] : [];
}

/** Reports the connections that a source receives through. */
export function showOpenConnections(
  telemetry: Telemetry,
  { open, configured }: { readonly open: () => number; readonly configured: number },
): void {
  telemetry.gauge(
    'dataflow_connections_open',
    'Connections to the broker, or streams of the subscription, that are open.',
    () => [[{}, open()]],
    [],
  );
  telemetry.gauge(
    'dataflow_connections_configured',
    'Connections to the broker, or streams of the subscription, that should be open.',
    () => [[{}, configured]],
    [],
  );
}

/** Reports the batches of the sink at present; those of dead letters are left out. */
function showBatches(telemetry: Telemetry, graphs: readonly GraphState[]): void {
  const sum = (read: (batches: BatchesView) => number) =>
    graphs.reduce((total, { failing: { batches }, isForDeadLetters }) => {
      return batches === undefined || isForDeadLetters === true ? total : total + read(batches);
    }, 0);
  telemetry.gauge(
    'dataflow_batches',
    'Batches at present: open to further messages, full and waiting for a slot, or in progress in the sink.',
    () => [
      [{ state: 'open' }, sum(({ open }) => open)],
      [{ state: 'waiting' }, sum(({ sealed }) => sealed)],
      [{ state: 'in_progress' }, sum(({ inProgress }) => inProgress)],
    ],
    ['state'],
  );
  telemetry.gauge(
    'dataflow_batches_limit',
    'The most batches at present: open ones by the settings, and in progress by the speed of the answers.',
    () => [
      [{ state: 'open' }, sum(({ maxOpen }) => maxOpen)],
      [{ state: 'in_progress' }, sum(({ slots }) => slots)],
    ],
    ['state'],
  );
}

/** Counts batches, their messages and their bytes by the reason they left. */
function countFlushes(telemetry: Telemetry, flushed: Observable<Batch>): void {
  const zeros = (): Record<FlushReason, number> => ({
    ...{ count: 0, bytes: 0, age: 0, crowded: 0, pressure: 0, completion: 0 },
  });
  const [batches, messages, bytes] = [zeros(), zeros(), zeros()];
  const show = (name: string, help: string, counts: Record<FlushReason, number>): void =>
    telemetry.counter(name, help, () => FLUSH_REASONS.map((reason) => [{ reason }, counts[reason]]), ['reason']);
  show('dataflow_flushed_batches_total', 'Batches that left for the sink, by reason.', batches);
  show('dataflow_flushed_messages_total', 'Messages of the batches that left for the sink, by reason.', messages);
  show('dataflow_flushed_bytes_total', 'Bytes of the batches that left for the sink, by reason.', bytes);
  flushed.subscribe({
    next: (batch) => {
      batches[batch.reason] += 1;
      messages[batch.reason] += batch.items.length;
      bytes[batch.reason] += batch.bytes;
    },
    // A probe emits no errors.
    error: () => {},
  });
}

/** Counts dead letters by reason. */
function countReasons(telemetry: Telemetry, deadLettered: Observable<DeadLetterEvent>): void {
  const counts = new Map(POISON_REASONS.map((reason) => [reason, 0]));
  telemetry.counter(
    'dataflow_dead_letters_total',
    'Messages that were dead-lettered, by reason.',
    () => Array.from(counts, ([reason, count]) => [{ reason }, count]),
    ['reason'],
  );
  deadLettered.subscribe({
    next: ({ poison: { reason } }) => counts.set(reason, (counts.get(reason) ?? 0) + 1),
    // A probe emits no errors.
    error: () => {},
  });
}

/** Keeps what the live page shows of the latest dead letters. */
function keepRecent(deadLettered: Observable<DeadLetterEvent>, recent: Ring<RecentDeadLetter>): void {
  deadLettered.subscribe({
    next: ({ poison, attributes, data }) =>
      recent.push({
        time: attributes.dlq_time ?? new Date().toISOString(),
        reason: poison.reason,
        error: poison.message,
        source: attributes.dlq_source ?? '',
        bytes: data.byteLength,
        preview: previewOf(data),
      }),
    // A probe emits no errors.
    error: () => {},
  });
}

/** Converts a label value to the case of metric names. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
