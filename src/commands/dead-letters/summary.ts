import type { DeadLetterFilter } from '../../tools/dead-letters/dead-letter-filter.ts';
import { isFrom, matches } from '../../tools/dead-letters/dead-letter-filter.ts';
import { DeadLetterSummary, summaryPage, type TimeStep } from '../../tools/dead-letters/dead-letter-summary.ts';
import { finished } from './list.ts';
import { type ReadOptions, session } from './session.ts';

export interface SummaryOptions extends ReadOptions, DeadLetterFilter {
  readonly by: TimeStep;
}

/** `dead-letters summary <pipeline>`: counts of all dead letters of the topic by reason, by pipeline, and by time. */
export function summarizeDeadLetters(path: string, options: SummaryOptions): Promise<number> {
  return session(path, options, async ({ config, reader, subscription, signal }) => {
    const summary = new DeadLetterSummary(options.by);
    for await (const page of reader.pages(signal)) {
      for (const deadLetter of page) {
        if (matches(options, deadLetter)) summary.add(deadLetter, isFrom(config, deadLetter));
      }
    }
    const counts = summary.counts;
    if (options.json) console.log(JSON.stringify({ subscription: subscription.name, ...counts }));
    else console.log(summaryPage(counts));
    return finished(signal, reader.isFull);
  });
}
