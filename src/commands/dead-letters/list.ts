import { isFrom, matches } from '../../tools/dead-letters/dead-letter-filter.ts';
import { byReason, type LetterRow, letterTable, rowOf } from '../../tools/dead-letters/dead-letter-table.ts';
import { oneLine } from '../../tools/dead-letters/printable.ts';
import { EXIT } from '../exit-codes.ts';
import { type FilterOptions, letters, say, session } from './session.ts';

/** `dead-letters list <pipeline>`: a table of the letters that wait, and how many there are of each reason. */
export function listDeadLetters(path: string, options: FilterOptions & { all: boolean }): Promise<number> {
  return session(path, options, async ({ config, box, subscription, signal }) => {
    const rows: LetterRow[] = [];
    let others = 0;
    let isLimited = false;
    reading: for await (const page of box.pages(signal)) {
      for (const letter of page) {
        if (!matches(options, letter)) continue;
        if (!options.all && !isFrom(config, letter)) others += 1;
        else if (rows.length < options.limit) rows.push(rowOf(letter));
        else isLimited = true;
        if (isLimited) break reading;
      }
    }
    rows.sort((one, other) => Date.parse(one.time) - Date.parse(other.time));
    const reasons = byReason(rows);
    if (options.json) {
      console.log(JSON.stringify({ subscription: subscription.name, letters: rows, byReason: reasons, others }));
    } else {
      if (rows.length > 0) console.log(letterTable(rows, process.stdout.isTTY ? process.stdout.columns : undefined));
      const counts = Object.entries(reasons).map(
        ([reason, count]) => `${oneLine(reason)} ${count.toLocaleString('en-US')}`,
      );
      console.log([letters(rows.length), ...(counts.length > 0 ? [counts.join(', ')] : [])].join(': '));
    }
    if (others > 0) say(`${letters(others)} of other pipelines not shown (--all shows them)`);
    if (isLimited) say(`there are more than ${options.limit.toLocaleString('en-US')} (--limit)`);
    return finished(signal, box.isFull);
  });
}

function finished(signal: AbortSignal, isFull: boolean): number {
  if (signal.aborted) say('interrupted: not all letters were read');
  if (isFull) say('stopped: too many letters to hold at one time');
  return signal.aborted || isFull ? EXIT.failed : EXIT.clean;
}
