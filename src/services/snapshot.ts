import type { ConditionState } from '../core/readiness.ts';
import type {
  Bound,
  Box,
  Edge,
  LedgerReport,
  LedgerSnapshot,
  Problem,
  RecentEvent,
  ServiceSnapshot,
  WiringSnapshot,
} from '../http/snapshot.ts';
import { EVENTS } from '../telemetry/events.ts';
import type { LoggedEvent } from '../telemetry/telemetry.ts';
import type { GraphOutline } from './graph-outline.ts';
import type { NamedProbe, ServiceContext } from './service-context.ts';

/** Where the parts of `/readyz` are in a graph, by the beginnings of their names; others are of the service as a whole. */
const PARTS: readonly (readonly [Place, RegExp])[] = [
  ['source', /^(mqtt|pubsub|source)(\.|$)/],
  ['between', /^(hooks|redis|firestore)(\.|$)/],
  ['sink', /^(publish|upload|insert|table)(\.|$)/],
  ['dead letters', /^dead_letter/],
];

type Place = Box['role'] | 'service';

/** Returns where a part of `/readyz` belongs. */
export function placeOf(part: string): Place {
  return PARTS.find(([, pattern]) => pattern.test(part))?.[0] ?? 'service';
}

/** Every consumer begins with it: a hook or a lookup is behind it. */
const DECODING = 'decodeInput';

/** Makes the snapshots of one service: of its probes, its books, and the outline of its graph. */
export function snapshots(context: ServiceContext, outline: GraphOutline | undefined) {
  const { ledger, readiness, telemetry, totalCredit, graphs } = context;
  const startedAt = performance.now();
  const probes = new Map(context.probes.map((probe) => [probe.name, probe]));
  const { path, groups } = wayOf([...probes.values()], outline);
  const inSink = [...probes.values()].filter(({ counted }) => counted === 'batches' || counted === 'objects');
  const beside = [...probes.values()].filter(({ counted }) => counted === 'elsewhere');
  const hookIndex = groups.findLastIndex((group, index) => index < groups.length - 1 && group.some(isNotDecoding));

  const boxes = (problems: readonly Placed[]): Box[] => {
    const sinkIndex = groups.length;
    const at = (place: Place) => problems.filter((problem) => problem.place === place);
    const between = groups.map((operators, index): Box => {
      const isSink = index === sinkIndex - 1;
      const isHook = index === (hookIndex === -1 ? sinkIndex - 1 : hookIndex);
      return box(isSink ? 'sink' : 'between', isSink ? sinkTitle(operators) : words(path[index + 1]?.name ?? ''), {
        operators,
        problems: [...(isSink ? at('sink') : []), ...(isHook ? at('between') : [])],
      });
    });
    return [
      box('source', sourceTitle(readiness.report.components), { operators: [], problems: at('source') }),
      ...between,
      box('settled', 'settled', { operators: [], problems: [] }),
    ];
  };

  return (url: string): ServiceSnapshot => {
    const { report } = readiness;
    const problems = problemsOf(report.components);
    return {
      service: context.service,
      pipeline: telemetry.pipeline,
      url,
      uptimeMs: performance.now() - startedAt,
      report,
      boxes: boxes(problems),
      edges: path.map(edge),
      inSink: inSink.map(edge),
      beside: beside.map(edge),
      deadLetterBox: {
        ...box('dead letters', 'dead letters', {
          operators: [],
          problems: problems.filter(({ place }) => place === 'dead letters'),
        }),
        count: ledger.deadLettered,
      },
      ledger: ledgerSnapshot(context),
      wiring: wiringSnapshot(context),
      bounds: bounds(totalCredit, graphs),
      latencies: telemetry.histograms.map(({ counts }) => counts),
    };
  };
}

/** Returns the books of a service. */
export function ledgerReport(context: ServiceContext, startedAt: Date): LedgerReport {
  return {
    service: context.service,
    pipeline: context.telemetry.pipeline,
    startedAt: startedAt.toISOString(),
    now: new Date().toISOString(),
    wiring: wiringSnapshot(context),
    ledger: ledgerSnapshot(context),
    minutes: context.minutes.all,
  };
}

function ledgerSnapshot({ ledger }: ServiceContext): LedgerSnapshot {
  const { received, acked, nacked, deadLettered, dropped, expired, inFlight, settledTwice, settledLate } = ledger;
  return {
    ...{ received, acked, nacked, deadLettered, dropped, expired, inFlight, settledTwice, settledLate },
    balanced: ledger.balanced,
  };
}

function wiringSnapshot({ wiring: { input, inputTopic, outputs } }: ServiceContext): WiringSnapshot {
  return { input, inputTopic, outputs: outputs() };
}

/** Returns an event as the live page shows it. */
export function recentEvent({ time, name, fields }: LoggedEvent): RecentEvent {
  const { level, message } = EVENTS[name];
  const shown = Object.entries(fields).map(([key, value]) => `${key}=${printed(value)}`);
  return { time: new Date(time).toISOString(), level, event: name, message, fields: shown.join(' ') };
}

const MAX_FIELD = 300;

function printed(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > MAX_FIELD ? `${text.slice(0, MAX_FIELD)}…` : text;
}

type Placed = Problem & { readonly place: Place };

function problemsOf(components: ServiceSnapshot['report']['components']): Placed[] {
  return Object.entries(components)
    .filter(([, { state }]) => state !== 'ok')
    .map(([part, condition]) => ({
      part,
      ...condition,
      place: placeOf(part),
    }));
}

/**
 * The probes that messages pass in order, and the operators between them. Without an outline the order is that of the
 * declaration, from `received` to `settled`.
 */
function wayOf(probes: readonly NamedProbe[], outline: GraphOutline | undefined) {
  const named = new Map(probes.map((probe) => [probe.name, probe]));
  const drawn = outline?.probes.flatMap((name) => named.get(name) ?? []) ?? [];
  if (outline !== undefined && drawn.length === outline.probes.length && drawn.length >= 2) {
    return { path: drawn, groups: outline.operators.slice(1, -1) };
  }
  const own = probes.filter(({ name, counted }) => counted === 'messages' && !COMMON.includes(name));
  const path = ['received', ...own.map(({ name }) => name), 'settled'].flatMap((name) => named.get(name) ?? []);
  return { path, groups: path.slice(1).map((): readonly string[] => []) };
}

const COMMON = ['received', 'settled', 'deadLettered'];

const isNotDecoding = (operator: string): boolean => operator !== DECODING;

const edge = ({ name, counted, probe: { count } }: NamedProbe): Edge => ({ probe: name, counted, count });

function box(role: Box['role'], title: string, { operators, problems }: Pick<Box, 'operators' | 'problems'>): Box {
  return {
    ...{ role, title, operators, state: worst(problems) },
    problems: problems.map(({ part, state, detail }) => ({ part, state, detail })),
  };
}

function worst(problems: readonly Problem[]): ConditionState {
  if (problems.some(({ state }) => state === 'failing')) return 'failing';
  return problems.length > 0 ? 'degraded' : 'ok';
}

const SOURCES: Readonly<Record<string, string>> = { mqtt: 'MQTT', pubsub: 'Pub/Sub' };

/** The system that the messages come from, by the first of its parts. */
function sourceTitle(components: ServiceSnapshot['report']['components']): string {
  const [title] = Object.keys(components).flatMap((part) => SOURCES[/^\w+/.exec(part)?.[0] ?? ''] ?? []);
  return title ?? 'source';
}

/** The sink is the operator before `settle`. */
function sinkTitle(operators: readonly string[]): string {
  return words(operators.filter((operator) => operator !== 'settle').at(-1) ?? 'sink');
}

/** `storeObjects` is `store objects`. */
function words(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function bounds(credit: ServiceContext['totalCredit'], graphs: ServiceContext['graphs']): Bound[] {
  const { limits } = credit;
  const batches = graphs.flatMap(({ failing, isForDeadLetters }) =>
    failing.batches === undefined || isForDeadLetters === true ? [] : failing.batches,
  );
  const sum = (read: (view: (typeof batches)[number]) => number) =>
    batches.reduce((total, view) => total + read(view), 0);
  const ofCredit: Bound[] = [
    {
      name: 'in flight',
      unit: 'messages',
      used: credit.messages,
      limit: limits.maxMessages,
      peak: credit.peakMessages,
    },
    { name: 'in flight', unit: 'bytes', used: credit.bytes, limit: limits.maxBytes },
  ];
  if (batches.length === 0) return ofCredit;
  return [
    ...ofCredit,
    { name: 'open', unit: 'batches', used: sum(({ open }) => open), limit: sum(({ maxOpen }) => maxOpen) },
    { name: 'under way', unit: 'batches', used: sum(({ inProgress }) => inProgress), limit: sum(({ slots }) => slots) },
  ];
}
