import type { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import { ending } from '../ending.ts';
import type { LookRowsOptions } from './rows.ts';
import type { LookOptions } from './session.ts';

const MOST = 10_000;

/** Adds the command `look` with its sub-commands to the command line. */
export function addLook(program: Command): void {
  const parent = program.command('look').description('show what has arrived in BigQuery or in Cloud Storage');
  const sub = (name: string, description: string, what: string): Command =>
    parent
      .command(name)
      .description(description)
      .argument('[pipeline]', `folder of the pipeline; default: ${what} of a running demo, if its exports are set`)
      .option('--limit <n>', 'maximum number to show', wholeNumber(0, MOST), 10)
      .option('--follow', 'keep showing new ones as they arrive, until Ctrl-C', false)
      .option('--json', 'print one JSON object per line', false);

  sub('rows', "rows of a bigqueries pipeline's table, newest first", 'the table')
    .option('--sql <query>', "run a query, in which the table's name needs no dataset")
    .addHelpText(
      'after',
      "\n  look rows pipelines/bigqueries --follow\n  look rows --sql 'SELECT topic, COUNT(*) AS messages FROM readings GROUP BY topic'\n",
    )
    .action(
      ending(async (path: string | undefined, options: LookRowsOptions) =>
        (await import('./rows.ts')).lookRows(path, options),
      ),
    );
  sub('archive', "messages in an icestore pipeline's bucket, newest first, payloads decoded", 'the bucket')
    .addHelpText('after', '\n  look archive pipelines/icestore --limit 3\n')
    .action(
      ending(async (path: string | undefined, options: LookOptions) =>
        (await import('./archive.ts')).lookArchive(path, options),
      ),
    );
}
