import type { ColumnTrace } from '../../connectors/bigquery/row-trace.ts';
import { oneLine } from '../dead-letters/printable.ts';
import type { Explanation } from './explanation.ts';

/** Styles of a part of the text. */
export type Paint = (style: 'bold' | 'green' | 'red' | 'yellow' | 'dim', text: string) => string;

const WORDS: Readonly<Record<Explanation['outcome'], string>> = {
  published: 'is published',
  archived: 'is archived',
  inserted: 'is inserted',
  refused: 'is refused by BigQuery, and becomes a dead letter',
  deadLettered: 'becomes a dead letter',
  dropped: 'is dropped: it is acknowledged, but not passed on',
  waits: 'waits: a hook reports an outage, and is called again',
  goesBack: 'goes back to its source, and is redelivered',
  notReached: 'does not arrive here',
};
const REACHED: ReadonlySet<Explanation['outcome']> = new Set(['published', 'archived', 'inserted']);
const LABEL_WIDTH = 15;
/** The most characters shown of a payload, a line or an envelope. */
const MAX_SHOWN = 4_000;

/** An explanation as lines for the terminal. */
export function explanationText(explanation: Explanation, paint: Paint): string[] {
  const { pipeline, service, outcome, error, message, route, lookup, published, archived, row, deadLetter, notes } =
    explanation;
  const title = pipeline === service ? pipeline : `${pipeline} (${service})`;
  const isReached = REACHED.has(outcome);
  const facts: (readonly [label: string, value: string])[] = [];
  const fact = (label: string, value: string | undefined): void => {
    if (value !== undefined) facts.push([label, value]);
  };
  fact('because', error);
  fact('reason', deadLetter?.reason);
  if (outcome === 'deadLettered') {
    fact(
      'dead letter',
      deadLetter?.topic ?? 'deadLetters is not set: it goes back to its subscription, and is redelivered',
    );
  }
  if (deadLetter?.attempt !== undefined && deadLetter.attempt > 1) {
    fact('attempts', `${deadLetter.attempt}: until then, it goes back and is redelivered (deadLetters.maxAttempts)`);
  }
  fact('id', message?.id);
  fact('published at', message?.publishTime);
  fact('payload', message && `${message.payloadBytes} bytes  ${message.payload ?? '(not UTF-8)'}`);
  fact('route', route && `${route.name}: ${route.filter} → producer ${route.producer}`);
  fact('device', route && JSON.stringify(route.device));
  if (published === undefined) fact('attributes', message && JSON.stringify(message.attributes));
  fact('enrichment', message && JSON.stringify(message.enrichmentData));
  fact('identity', message?.identity);
  fact('lookup key', lookup && (lookup.key === undefined ? 'none' : `${lookup.key}  (${lookup.from})`));
  for (const { layer, place } of lookup?.places ?? []) fact('looked up in', `${layer}: ${place}`);
  fact('looked up', lookup?.data === undefined ? undefined : JSON.stringify(lookup.data));
  fact('published to', published?.topic);
  fact('ordering key', published && (published.orderingKey === '' ? 'none' : published.orderingKey));
  fact('attributes', published && JSON.stringify(published.attributes));
  fact('envelope', published && `${published.bytes} bytes  ${published.envelope}`);
  fact('batch key', archived?.batchKey);
  fact('object', archived?.object);
  fact('line', archived?.line);
  fact('table', row?.table);
  fact('insertId', row?.insertId);
  fact('row', row?.json === undefined ? undefined : JSON.stringify(row.json));
  if (row !== undefined && row.unread.length > 0) fact('not read', `members of the payload: ${row.unread.join(', ')}`);
  return [
    `${paint('bold', title)}: the message ${paint(isReached ? 'green' : 'red', WORDS[outcome])}`,
    ...facts.map(([label, value]) => `  ${paint('dim', label.padEnd(LABEL_WIDTH))}${shown(value)}`),
    ...columnLines(row?.columns ?? [], paint),
    ...notes.map((note) => `  ${paint('yellow', 'note'.padEnd(LABEL_WIDTH))}${oneLine(note)}`),
  ];
}

function shown(value: string): string {
  const line = oneLine(value);
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}… (--json prints all of it)` : line;
}

/** A table of columns: where each value comes from, and how it is converted. */
function columnLines(columns: readonly ColumnTrace[], paint: Paint): string[] {
  if (columns.length === 0) return [];
  const cells = columns.map(({ name, type, mode, from, found, value, problem }) => {
    const original = found === undefined ? '' : JSON.stringify(found);
    const inRow = value === undefined ? 'NULL' : JSON.stringify(value);
    return {
      name,
      type: mode === 'NULLABLE' ? type : `${type} ${mode}`,
      from,
      value: original === inRow || original === '' ? inRow : `${original} → ${inRow}`,
      problem,
      isMissing: found === undefined && problem === undefined,
    };
  });
  const width = (read: (cell: (typeof cells)[number]) => string) =>
    Math.max(...cells.map((cell) => Math.min(read(cell).length, 40)));
  const widths = { name: width(({ name }) => name), type: width(({ type }) => type), from: width(({ from }) => from) };
  return cells.map(({ name, type, from, value, problem, isMissing }) => {
    const line = [name.padEnd(widths.name), type.padEnd(widths.type), from.padEnd(widths.from)].join('  ');
    const end = isMissing ? paint('dim', 'NULL: no value') : shown(value);
    return `    ${line}  ${end}${problem === undefined ? '' : `  ${paint('red', oneLine(problem))}`}`;
  });
}
