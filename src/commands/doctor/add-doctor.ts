import type { Command } from 'commander';
import { duration } from '../arguments.ts';
import { ending } from '../ending.ts';
import type { DoctorCommandOptions } from './doctor.ts';

const AFTER_HELP = `
Changes nothing, and disturbs no service that runs. Code 0: no errors. Code 1: an error, or something cannot be reached.
Code 2: the command line or the configuration was refused.

  doctor pipelines/enrich
  doctor pipelines/ingestion --json --time-limit 5s
`;

/** Adds the command `doctor` to the command line. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'connect to everything that a pipeline names, and report what is missing, denied or misconfigured, with the fix',
    )
    .argument('<pipeline>', 'folder of the pipeline')
    .option(
      '--time-limit <time>',
      'time limit of each check, such as 5s; all checks run concurrently',
      duration,
      10_000,
    )
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', AFTER_HELP)
    .action(
      ending(async (path: string, options: DoctorCommandOptions) =>
        (await import('./doctor.ts')).doctor(path, options),
      ),
    );
}
