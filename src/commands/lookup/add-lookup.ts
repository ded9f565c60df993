import type { Command } from 'commander';
import { ending } from '../ending.ts';
import type { LookupCommandOptions } from './session.ts';

/** Adds the command `lookup` with its subcommands. */
export function addLookup(program: Command): void {
  const parent = program.command('lookup').description('show or invalidate a key in the layers of an enrich pipeline');
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
    "print each layer's answer for a key: the cache, then the layer that provides the data",
    '\nChanges nothing. Exits with 1 if a layer could not answer. Does not show the memory of running processes.\n\n  lookup get pipelines/enrich device-7\n',
  ).action(
    ending(async (path: string, key: string, options: LookupCommandOptions) =>
      (await import('./get.ts')).lookupGet(path, key, options),
    ),
  );
  sub(
    'invalidate',
    'remove a key from Redis, so that the next lookup queries the layer that provides the data',
    '\nExits with 1 if Redis did not confirm. Running processes keep the key in memory until it expires.\n\n  lookup invalidate pipelines/enrich device-7\n',
  ).action(
    ending(async (path: string, key: string, options: LookupCommandOptions) =>
      (await import('./invalidate.ts')).lookupInvalidate(path, key, options),
    ),
  );
}
