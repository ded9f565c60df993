import { FatalError, toError } from '../../core/errors.ts';
import type { DeadLetter } from '../../dead-letters/read-dead-letter.ts';
import { isFrom, matches, sourceOf } from '../../tools/dead-letters/dead-letter-filter.ts';
import { type DeadLetterRow, deadLetterTable, rowOf } from '../../tools/dead-letters/dead-letter-table.ts';
import { oneLine } from '../../tools/dead-letters/printable.ts';
import { pubsubDestination, topicOf } from '../../tools/dead-letters/pubsub-destination.ts';
import { newReport, type ReplayReport, replayDeadLetters } from '../../tools/dead-letters/replay-dead-letters.ts';
import type { Destination } from '../../tools/replay/destination.ts';
import { mqttDestination } from '../../tools/replay/mqtt-destination.ts';
import { statusLine } from '../../tools/replay/status-line.ts';
import { EXIT } from '../exit-codes.ts';
import { deadLetters, type FilterOptions, type Session, say, session } from './session.ts';

export interface ReplayOptions extends FilterOptions {
  /** Short or full name of a topic. */
  readonly to?: string;
  readonly dryRun: boolean;
  /** Dead letters per second. */
  readonly rate: number;
}

/** `dead-letters replay <pipeline>`: puts dead letters back where their messages came from. */
export function replayCommand(path: string, options: ReplayOptions): Promise<number> {
  return session(path, options, async (opened) => {
    const { config, reader, signal, storage } = opened;
    const destination = await destinationOf(opened, options);
    try {
      say(`${options.dryRun ? 'would replay' : 'replaying'} to ${destination.description}`);
      const report = newReport();
      const shown: DeadLetterRow[] = [];
      const began = performance.now();
      const progress = statusLine(() => {
        const rate = (report.replayed * 1_000) / (performance.now() - began);
        return `replayed ${report.replayed.toLocaleString('en-US')} (${Math.round(rate)}/s)  left ${report.left.length}`;
      });
      try {
        await replayDeadLetters(
          {
            ...{ reader, destination, storage, signal, limit: options.limit, ratePerSecond: options.rate },
            isSelected: (deadLetter) => isFrom(config, deadLetter) && matches(options, deadLetter),
            ...(options.dryRun ? { dryRun: (deadLetter: DeadLetter) => shown.push(rowOf(deadLetter)) } : {}),
          },
          report,
        );
      } catch (thrown) {
        // A replayed but unacknowledged dead letter is redelivered; the report contains what is known.
        report.stoppedBy = toError(thrown);
      } finally {
        progress.unsubscribe();
      }
      tell(report, shown, options);
      return report.left.length === 0 && report.stoppedBy === undefined ? EXIT.clean : EXIT.failed;
    } finally {
      await destination.close();
    }
  });
}

function tell(report: ReplayReport, shown: readonly DeadLetterRow[], { json, dryRun, limit }: ReplayOptions): void {
  const { replayed, left, newer, stoppedBy } = report;
  if (json) {
    const stopped = stoppedBy instanceof Error ? stoppedBy.message : stoppedBy;
    console.log(
      JSON.stringify({ replayed, left, newer, stoppedBy: stopped, ...(dryRun ? { deadLetters: shown } : {}) }),
    );
  } else {
    if (shown.length > 0)
      console.log(deadLetterTable(shown, process.stdout.isTTY ? process.stdout.columns : undefined));
    for (const { id, error } of left) console.log(`left ${id}: ${oneLine(error)}`);
    console.log(`${deadLetters(replayed)} ${dryRun ? 'would be replayed' : 'replayed'}, ${left.length} left`);
  }
  if (newer > 0) say(`${deadLetters(newer)} arrived after the replay began, and stayed: is the cause fixed?`);
  if (stoppedBy === 'limit') say(`stopped at ${limit.toLocaleString('en-US')} (--limit): there are more`);
  if (stoppedBy === 'signal') say('interrupted: unconfirmed dead letters stay');
  if (stoppedBy === 'full') say('stopped: too many dead letters that do not match come before the others');
  if (stoppedBy instanceof Error) say(`stopped: ${stoppedBy.message}`);
}

async function destinationOf({ clients, config, subscription }: Session, { to }: ReplayOptions): Promise<Destination> {
  if ('mqtt' in config && to === undefined) return mqttDestination(config.mqtt);
  const source = 'mqtt' in config || to !== undefined ? undefined : sourceOf(config);
  const named = to?.startsWith('projects/') ? to : `projects/${config.google.projectId}/topics/${to}`;
  const topic = source === undefined ? named : await topicOf(clients, source);
  if (topic === subscription.topic) throw new FatalError(`${topic} is the topic of the dead letters themselves`);
  return pubsubDestination(clients, topic, source);
}
