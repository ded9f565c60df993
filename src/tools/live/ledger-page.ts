import type { Link, MinuteRow, PipelineBooks, PlatformLedger } from './platform-ledger.ts';

/** What each service does with a message. */
const DONE: Readonly<Record<string, string>> = {
  ...{ ingestion: 'ingested', enrich: 'enriched', icestore: 'stored', bigqueries: 'inserted' },
};

const NOTE =
  'This is an estimate: the services are read one after the other while messages move, count from their start, and ' +
  'cannot recognize every duplicate. Only the sinks show what has arrived there.';

const whole = (value: number): string => value.toLocaleString('en-US');

/** The ledger of a platform as text: totals, differences between pipelines, and the latest minutes. */
export function ledgerPage({ pipelines, links, minutes, sharedFrom }: PlatformLedger, most: number): string {
  const sections = [
    totals(pipelines),
    ...(links.length > 0 ? [between(links, pipelines)] : ['no pipeline reads a topic that another one writes to']),
    ...(minutes.length > 0
      ? [byMinute(minutes.slice(-most), pipelines, sharedFrom)]
      : ['by minute of publish time: nothing yet']),
    NOTE,
  ];
  return sections.join('\n\n');
}

function totals(pipelines: readonly PipelineBooks[]): string {
  const rows = pipelines.map((books) => [
    `${books.pipeline}${books.replicas > 1 ? ` (${books.replicas} replicas)` : ''}`,
    DONE[books.service] ?? 'acknowledged',
    ...[books.firstDeliveries, books.acked, books.deadLettered, books.dropped, books.inFlight, books.wentBack].map(
      whole,
    ),
    books.isBalanced ? 'balanced' : 'NOT BALANCED',
  ]);
  const titles = ['pipeline', '', 'received', 'acked', 'dead-lettered', 'dropped', 'in flight', 'went back', 'ledger'];
  return table('since each service started', [titles, ...rows], 2);
}

function between(links: readonly Link[], pipelines: readonly PipelineBooks[]): string {
  const rows = links.map(({ from, to, topic, written, read, difference }) => [
    `${from.join(' and ')} → ${to}`,
    topic,
    ...[written, read, difference].map(whole),
  ]);
  const where = links.flatMap(({ from, to, topic, difference }) => {
    if (difference === 0) return [];
    const started = pipelines.filter(({ pipeline }) => [...from, to].includes(pipeline));
    const starts = started.map(({ pipeline, startedAt }) => `${pipeline} counts since ${startedAt}`).join(', ');
    const why =
      difference > 0
        ? `${whole(difference)} written to ${topic} but not received by ${to}: they wait in its subscription, or were received before it started counting`
        : `${whole(-difference)} more received by ${to} than written: duplicates, other publishers to ${topic}, or messages written before the count began`;
    return [`  ${why} (${starts})`];
  });
  const text = table('between pipelines', [['', 'topic', 'written', 'received', 'difference'], ...rows], 2);
  return [text, ...where].join('\n');
}

function byMinute(minutes: readonly MinuteRow[], pipelines: readonly PipelineBooks[], sharedFrom: string): string {
  const isAlone = ({ service }: PipelineBooks) => pipelines.filter((other) => other.service === service).length === 1;
  const titles = pipelines.map((books) => (isAlone(books) ? (DONE[books.service] ?? books.pipeline) : books.pipeline));
  const rows = minutes.map(({ minute, isOver, isShared, published, acked, deadLettered, dropped, largest }) => [
    `${minute === 'unknown' ? minute : `${minute}Z`}${isShared ? '' : ' °'}${isOver ? '' : ' *'}`,
    whole(published),
    ...pipelines.map(({ pipeline }) => whole(acked[pipeline] ?? 0)),
    whole(deadLettered),
    whole(dropped),
    largest === undefined ? '0' : `${whole(largest.difference)}  ${largest.at}`,
  ]);
  const head = ['minute', 'published', ...titles, 'dead-lettered', 'dropped', 'difference'];
  return table(
    `by minute of publish time (* not over yet, ° before ${sharedFrom}Z, when every pipeline had started)`,
    [head, ...rows],
    1,
  );
}

/** Cells in columns. Those from `numbers` on are right-aligned; the last one is left-aligned if it contains words. */
function table(title: string, rows: readonly (readonly string[])[], numbers: number): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        const isText =
          column < numbers || rows.some((other) => / /.test(other[column] ?? '') && column === row.length - 1);
        return isText ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return [title, ...lines.map((line) => `  ${line}`)].join('\n');
}
