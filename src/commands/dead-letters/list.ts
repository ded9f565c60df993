import { isFrom, matches } from '../../tools/dead-letters/dead-letter-filter.ts';
import { byReason, type DeadLetterRow, deadLetterTable, rowOf } from '../../tools/dead-letters/dead-letter-table.ts';
import { oneLine } from '../../tools/dead-letters/printable.ts';
import { EXIT } from '../exit-codes.ts';
import { deadLetters, type FilterOptions, say, session } from './session.ts';

/** `dead-letters list <pipeline>`: prints a table of the waiting dead letters, and their number by reason. */
export function listDeadLetters(path: string, options: FilterOptions & { all: boolean }): Promise<number> {
  return session(path, options, async ({ config, reader, subscription, signal }) => {
    const rows: DeadLetterRow[] = [];
    let others = 0;
    let isLimited = false;
    reading: for await (const page of reader.pages(signal)) {
      for (const deadLetter of page) {
        if (!matches(options, deadLetter)) continue;
        if (!options.all && !isFrom(config, deadLetter)) others += 1;
        else if (rows.length < options.limit) rows.push(rowOf(deadLetter));
        else isLimited = true;
        if (isLimited) break reading;
      }
    }
    rows.sort((one, other) => Date.parse(one.time) - Date.parse(other.time));
    const reasons = byReason(rows);
    if (options.json) {
      console.log(JSON.stringify({ subscription: subscription.name, deadLetters: rows, byReason: reasons, others }));
    } else {
      if (rows.length > 0)
        console.log(deadLetterTable(rows, process.stdout.isTTY ? process.stdout.columns : undefined));
      const counts = Object.entries(reasons).map(
        ([reason, count]) => `${oneLine(reason)} ${count.toLocaleString('en-US')}`,
      );
      console.log([deadLetters(rows.length), ...(counts.length > 0 ? [counts.join(', ')] : [])].join(': '));
    }
    if (others > 0) say(`${deadLetters(others)} of other pipelines not shown (--all shows them)`);
    if (isLimited) say(`there are more than ${options.limit.toLocaleString('en-US')} (--limit)`);
    return finished(signal, reader.isFull);
  });
}

/** Returns the exit code of a read, and reports why it is incomplete. */
export function finished(signal: AbortSignal, isFull: boolean): number {
  if (signal.aborted) say('interrupted: not all dead letters were read');
  if (isFull) say('stopped: too many dead letters to hold');
  return signal.aborted || isFull ? EXIT.failed : EXIT.clean;
}
