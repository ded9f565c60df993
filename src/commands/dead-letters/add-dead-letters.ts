import { type Command, InvalidArgumentError, Option } from 'commander';
import { POISON_REASONS } from '../../core/errors.ts';
import { TIME_STEPS } from '../../tools/dead-letters/dead-letter-summary.ts';
import { time, wholeNumber } from '../arguments.ts';
import { ending } from '../ending.ts';
import type { ReplayOptions } from './replay.ts';
import type { FilterOptions, ReadOptions } from './session.ts';
import type { SummaryOptions } from './summary.ts';

const REASONS: readonly string[] = [...POISON_REASONS, 'max_delivery_attempts', 'unknown'];

function reason(text: string, before: readonly string[]): readonly string[] {
  if (!REASONS.includes(text)) throw new InvalidArgumentError(`Expected one of ${REASONS.join(', ')}.`);
  return [...before, text];
}

function rate(text: string): number {
  const value = Number(text.replace(/\/s$/, ''));
  if (value > 0 && value <= 100_000) return value;
  throw new InvalidArgumentError('Expected dead letters per second, such as 100 or 100/s.');
}

function idleTimeout(text: string): number {
  const seconds = Number(text);
  if (text !== '' && seconds >= 0 && seconds <= 3_600) return seconds;
  throw new InvalidArgumentError('Expected seconds from 0 to 3600, such as 2 or 0.5.');
}

const AFTER_HELP = `
Reads this subscription: --subscription, else deadLetters.subscriptionId of the pipeline, else the only
subscription of its dead-letter topic. Reading leases dead letters while the command runs, then returns them.
`;

const EXAMPLES = {
  list: `
  dead-letters list pipelines/enrich --reason no_data --limit 20
`,
  summary: `
  dead-letters summary pipelines/enrich --by minute
`,
  show: `
  dead-letters show pipelines/enrich 17239048710238
`,
  replay: `
  dead-letters replay pipelines/enrich --reason no_data --dry-run
  dead-letters replay pipelines/enrich --from 2026-11-24T08:00:00Z --rate 500/s
`,
};

/** Adds the command `dead-letters` with its subcommands. */
export function addDeadLetters(program: Command): void {
  const parent = program
    .command('dead-letters')
    .description('list, count, show and replay the dead letters of a pipeline');
  const sub = (name: keyof typeof EXAMPLES, description: string): Command =>
    parent
      .command(name)
      .description(description)
      .argument('<pipeline>', 'folder of the pipeline')
      .option('--subscription <id>', 'read this subscription')
      .option(
        '--policy',
        "read the messages that Pub/Sub itself dead-lettered, through the source subscription's dead-letter policy",
      )
      .option('--idle-timeout <seconds>', 'stop reading after this time without new dead letters', idleTimeout, 2)
      .option('--json', 'print one JSON object', false)
      .addHelpText('after', AFTER_HELP + EXAMPLES[name]);
  const chosen = (command: Command): Command =>
    command
      .option('--reason <reason>', 'only dead letters with this reason; repeatable', reason, [])
      .option('--from <time>', 'only messages dead-lettered at or after this time (RFC 3339)', time)
      .option('--until <time>', 'only messages dead-lettered before this time (RFC 3339)', time);
  const filtered = (command: Command): Command =>
    chosen(command).option('--limit <n>', 'at most this many dead letters', wholeNumber(1), 1_000);

  filtered(sub('list', 'print a table of the waiting dead letters'))
    .option('--all', 'include those of other pipelines that share the dead-letter topic', false)
    .action(
      ending(async (path: string, options: Named<FilterOptions> & { all: boolean }) =>
        (await import('./list.ts')).listDeadLetters(path, withReasons(options)),
      ),
    );

  chosen(
    sub('summary', 'count the waiting dead letters by reason, pipeline and time, including those of other pipelines'),
  )
    .addOption(new Option('--by <step>', 'time interval to group by').choices(TIME_STEPS).default('hour'))
    .action(
      ending(async (path: string, options: Named<SummaryOptions>) =>
        (await import('./summary.ts')).summarizeDeadLetters(path, withReasons(options)),
      ),
    );

  sub('show', 'print everything about one dead letter')
    .argument('<id>', 'message id of the dead letter, as printed by list')
    .action(
      ending(async (path: string, id: string, options: ReadOptions) =>
        (await import('./show.ts')).showDeadLetter(path, id, options),
      ),
    );

  filtered(
    sub(
      'replay',
      'put dead letters back where their messages came from: the topic of the source subscription, or the MQTT topic. Every other subscription of that topic gets them too',
    ),
  )
    .option('--to <topic>', 'publish them to this Pub/Sub topic instead')
    .option('--dry-run', 'print what would be replayed, without changing anything', false)
    .option('--rate <n>', 'dead letters per second, such as 500/s', rate, 100)
    .action(
      ending(async (path: string, options: Named<ReplayOptions>) =>
        (await import('./replay.ts')).replayCommand(path, withReasons(options)),
      ),
    );
}

/** Options under their command-line names. */
type Named<T extends { reasons: readonly string[] }> = Omit<T, 'reasons'> & { readonly reason: readonly string[] };

function withReasons<T extends { reason: readonly string[] }>({ reason, ...rest }: T) {
  return { ...rest, reasons: reason };
}
