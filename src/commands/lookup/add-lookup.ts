import type { Command } from 'commander';
import { ending } from '../ending.ts';
import type { LookupCommandOptions } from './session.ts';

/** Adds the command `lookup` with its subcommands. */
export function addLookup(program: Command): void {
  const parent = program.command('lookup').description('show or forget what the layers of an enrich pipeline have');
  const sub = (name: string, description: string, after: string): Command =>
    parent
      .command(name)
      .description(description)
      .argument('<pipeline>', 'folder of the pipeline')
      .argument('<key>', 'key of the lookup, such as a device id')
      .option('--json', 'print one JSON object', false)
      .addHelpText('after', after);

  sub(
    'get',
    'print what each layer says of a key: the cache, then where the data comes from',
    '\nChanges nothing. Ends with 1 where a layer could not answer. Memory is that of each running process, and not shown.\n\n  lookup get pipelines/enrich device-7\n',
  ).action(
    ending(async (path: string, key: string, options: LookupCommandOptions) =>
      (await import('./get.ts')).lookupGet(path, key, options),
    ),
  );
  sub(
    'invalidate',
    'let Redis forget a key, so that the next lookup asks where the data comes from',
    '\nEnds with 1 where Redis has not forgotten it. Running processes keep what they have in memory until it expires there.\n\n  lookup invalidate pipelines/enrich device-7\n',
  ).action(
    ending(async (path: string, key: string, options: LookupCommandOptions) =>
      (await import('./invalidate.ts')).lookupInvalidate(path, key, options),
    ),
  );
}
