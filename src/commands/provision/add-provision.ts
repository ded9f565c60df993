import type { Command } from 'commander';
import { ending } from '../ending.ts';
import type { ProvisionCommandOptions } from './provision.ts';
import type { TeardownCommandOptions } from './teardown.ts';

/** Adds the commands `provision` and `teardown`. */
export function addProvision(program: Command): void {
  program
    .command('provision')
    .description('create what pipelines declare under "resources": topics, subscriptions, buckets, datasets, tables')
    .argument('<pipelines...>', 'folders of pipelines; what several declare belongs to the first')
    .option('--dry-run', 'say what would be created, and change nothing', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      '\nWhat exists stays as it is. Ends with 1 where it is not as declared.\n\n  provision pipelines/ingestion pipelines/enrich --dry-run\n',
    )
    .action(
      ending(async (paths: string[], options: ProvisionCommandOptions) =>
        (await import('./provision.ts')).provisionPipelines(paths, options),
      ),
    );
  program
    .command('teardown')
    .description('delete what provision has created for pipelines, and nothing else')
    .argument('<pipelines...>', 'folders of pipelines')
    .option('--dry-run', 'say what would be deleted, and change nothing', false)
    .option('--with-data', 'delete also what holds messages, objects or rows', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      '\nEnds with 1 where something of these pipelines had to be kept.\n\n  teardown pipelines/ingestion pipelines/enrich --dry-run\n',
    )
    .action(
      ending(async (paths: string[], options: TeardownCommandOptions) =>
        (await import('./teardown.ts')).teardownPipelines(paths, options),
      ),
    );
}
