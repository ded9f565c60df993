import type { Original } from '../../core/message.ts';
import type { DeadLetter } from '../../dead-letters/read-dead-letter.ts';
import { oneLine, printableData } from './printable.ts';

/** One row of the table of dead letters. */
export interface DeadLetterRow {
  readonly id: string;
  readonly time: string;
  readonly service: string;
  readonly reason: string;
  readonly attempt: number;
  readonly bytes: number;
  readonly source: string;
  readonly error: string;
  readonly truncated: boolean;
  readonly object?: string;
}

export function rowOf(deadLetter: DeadLetter): DeadLetterRow {
  const { id, time, service, reason, attempt, bytes, source, error, isTruncated, object } = deadLetter;
  const row = { id, time, service, reason, attempt, bytes, source, error, truncated: isTruncated };
  return object === undefined ? row : { ...row, object };
}

const TITLES = ['id', 'time', 'service', 'reason', 'attempt', 'bytes', 'error'];
const NUMBERS = [4, 5];

/** Formats rows in columns, the last of them truncated to the terminal's width. */
export function deadLetterTable(rows: readonly DeadLetterRow[], width = Number.POSITIVE_INFINITY): string {
  const lines = rows.map(({ id, time, service, reason, attempt, bytes, error }) =>
    [id, time, service || '-', reason, String(attempt), bytes.toLocaleString('en-US'), error].map(oneLine),
  );
  const all = [TITLES, ...lines];
  const widths = TITLES.slice(0, -1).map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  return all
    .map((line) =>
      line
        .map((cell, column) => {
          const length = widths[column] ?? 0;
          return NUMBERS.includes(column) ? cell.padStart(length) : cell.padEnd(length);
        })
        .join('  ')
        .trimEnd()
        .slice(0, width),
    )
    .join('\n');
}

/** Counts rows by reason, the most frequent first. */
export function byReason(rows: readonly DeadLetterRow[]): Record<string, number> {
  const counts = [...Map.groupBy(rows, ({ reason }) => reason)].map(
    ([reason, { length }]) => [reason, length] as const,
  );
  return Object.fromEntries(counts.sort(([, one], [, other]) => other - one));
}

/** Formats everything about one dead letter for reading. */
export function deadLetterPage(deadLetter: DeadLetter, original: Original): string {
  const attributes = Object.entries(deadLetter.attributes).map(
    ([name, value]) => `  ${oneLine(name)}: ${oneLine(value)}`,
  );
  return [
    ...Object.entries(rowOf(deadLetter)).map(([name, value]) => `${name.padEnd(10)} ${oneLine(String(value))}`),
    `published  ${deadLetter.publishTime}`,
    ...(original.orderingKey === '' ? [] : [`ordering key ${oneLine(original.orderingKey)}`]),
    `attributes${deadLetter.object === undefined ? '' : ' of the dead letter'}`,
    ...attributes,
    ...(deadLetter.object === undefined
      ? []
      : [
          'attributes of the original',
          ...Object.entries(original.attributes).map(([name, value]) => `  ${oneLine(name)}: ${oneLine(value)}`),
        ]),
    `data (${original.data.byteLength.toLocaleString('en-US')} bytes)`,
    printableData(original.data),
  ].join('\n');
}
