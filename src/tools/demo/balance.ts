import type { SinkCount } from './sink-counts.ts';

/** The counts of one run. */
export interface Balance {
  readonly published: number;
  readonly ingested: number;
  readonly enriched: number;
  /** Distinct message ids in BigQuery. */
  readonly bigqueryRows: number;
  /** Distinct message ids in Cloud Storage. */
  readonly archivedLines: number;
  readonly deadLettered: number;
  /** Published messages missing in a sink without being dead-lettered, for the sink that misses more. */
  readonly lost: number;
  /** Entries in both sinks beyond one per message. */
  readonly duplicated: number;
  /** From the first publish until every row and object is settled. */
  readonly seconds: number;
}

export interface Counts {
  readonly published: number;
  readonly ingested: number;
  readonly enriched: number;
  readonly deadLettered: number;
  readonly seconds: number;
  readonly rows: SinkCount;
  readonly lines: SinkCount;
}

export function balanceOf({ rows, lines, ...counts }: Counts): Balance {
  const expected = counts.published - counts.deadLettered;
  return {
    published: counts.published,
    ingested: counts.ingested,
    enriched: counts.enriched,
    bigqueryRows: rows.distinctIds,
    archivedLines: lines.distinctIds,
    deadLettered: counts.deadLettered,
    lost: Math.max(0, expected - rows.distinctIds, expected - lines.distinctIds),
    duplicated: rows.entries - rows.distinctIds + lines.entries - lines.distinctIds,
    seconds: Math.round(counts.seconds * 1_000) / 1_000,
  };
}

/** Returns whether all numbers agree. */
export function isBalanced(balance: Balance): boolean {
  const { published, ingested, enriched, bigqueryRows, archivedLines, deadLettered, lost, duplicated } = balance;
  const stages = [ingested, enriched, bigqueryRows, archivedLines];
  return lost === 0 && duplicated === 0 && deadLettered === 0 && stages.every((count) => count === published);
}

/** Formats the balance as a table. */
export function balanceTable(balance: Balance): string {
  const rate = balance.seconds > 0 ? Math.round(balance.published / balance.seconds) : 0;
  const lines: [string, number | string][] = [
    ['published over MQTT', balance.published],
    ['ingested into Pub/Sub', balance.ingested],
    ['enriched', balance.enriched],
    ['rows in BigQuery (distinct ids)', balance.bigqueryRows],
    ['lines in Cloud Storage (distinct ids)', balance.archivedLines],
    ['dead-lettered', balance.deadLettered],
    ['lost', balance.lost],
    ['duplicated', balance.duplicated],
    ['seconds, first publish to last row and object', balance.seconds.toFixed(2)],
    ['messages per second', rate],
  ];
  const shown = lines.map(([name, value]) => [name, typeof value === 'number' ? value.toLocaleString('en-US') : value]);
  const width = Math.max(...shown.map(([, value]) => value?.length ?? 0));
  return shown.map(([name = '', value = '']) => `  ${name.padEnd(48)}${value.padStart(width)}`).join('\n');
}
