import type { Command } from 'commander';
import { ending } from '../ending.ts';
import type { ProvisionCommandOptions } from './provision.ts';
import type { TeardownCommandOptions } from './teardown.ts';

/** Adds the commands `provision` and `teardown`. */
export function addProvision(program: Command): void {
  program
    .command('provision')
    .description('create what pipelines declare under "resources": topics, subscriptions, buckets, datasets, tables')
    .argument('<pipelines...>', 'folders of pipelines; a resource declared by several belongs to the first')
    .option('--dry-run', 'print what would be created, without changing anything', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      '\nExisting resources stay unchanged. Exits with 1 if one differs from its declaration.\n\n  provision pipelines/ingestion pipelines/enrich --dry-run\n',
    )
    .action(
      ending(async (paths: string[], options: ProvisionCommandOptions) =>
        (await import('./provision.ts')).provisionPipelines(paths, options),
      ),
    );
  program
    .command('teardown')
    .description('delete what provision created for pipelines, and nothing else')
    .argument('<pipelines...>', 'folders of pipelines')
    .option('--dry-run', 'print what would be deleted, without changing anything', false)
    .option('--with-data', 'also delete resources that hold messages, objects or rows', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText(
      'after',
      '\nExits with 1 if resources of these pipelines had to be kept.\n\n  teardown pipelines/ingestion pipelines/enrich --dry-run\n',
    )
    .action(
      ending(async (paths: string[], options: TeardownCommandOptions) =>
        (await import('./teardown.ts')).teardownPipelines(paths, options),
      ),
    );
}
