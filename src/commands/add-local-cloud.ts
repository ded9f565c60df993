import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { messagesPerSecond, wholeNumber } from './arguments.ts';
import type { DemoOptions } from './demo.ts';
import { ending } from './ending.ts';
import type { SandboxCommand } from './sandbox.ts';

/**
 * Adds the commands `sandbox`, `demo` and `up`. The container and the package lack them, because they exclude the local
 * cloud.
 */
export function addLocalCloud(program: Command): void {
  if (!existsSync(join(import.meta.dirname, '../sandbox'))) return;
  program
    .command('sandbox')
    .description('run a local cloud: MQTT, Pub/Sub, Firestore, Storage, BigQuery, and Redis if it is installed')
    .option('--ports <base>', 'use consecutive ports from this one; default: free ones', wholeNumber(1, 65_000))
    .option('--project <id>', 'Google Cloud project id', 'sandbox')
    .option(
      '--deny <names>',
      'deny permissions or methods, comma-separated, such as storage.objects.get,pubsub.topics.*',
    )
    .option('--allow <names>', 'deny every permission except these, comma-separated; instead of --deny')
    .option('--schema-delay-ms <n>', 'time for which inserts refuse new BigQuery columns; default: 0', wholeNumber(0))
    .option('--until-stdin-ends', 'exit when standard input ends, for a program that starts it', false)
    .addHelpText('after', '\nPrints the environment to export.\n\n  sandbox --ports 9100 --deny storage.objects.get\n')
    .action(ending(async (options: SandboxCommand) => (await import('./sandbox.ts')).sandbox(options)));

  program
    .command('up')
    .description(
      'run pipelines on this machine: starts a sandbox, creates what they declare, and runs them until Ctrl-C',
    )
    .argument(
      '<pipelines...>',
      'folders of pipelines, or folders with a pipeline of each service, such as pipelines/home',
    )
    .addHelpText(
      'after',
      '\nServers that the environment names (MQTT_URL, PUBSUB_EMULATOR_HOST …) are used instead of a sandbox.\n\n  up pipelines/home\n',
    )
    .action(ending(async (paths: string[]) => (await import('./up.ts')).up(paths)));

  program
    .command('demo')
    .description('run the whole platform on this machine, send readings through it, and print the balance')
    .option('--messages <n>', 'readings to publish', wholeNumber(1), 5_000)
    .option('--devices <n>', 'devices that publish them', wholeNumber(1, 99_999), 100)
    .option(
      '--rate <n>',
      'readings per second, such as 500/s; default: as fast as the broker accepts them',
      messagesPerSecond,
    )
    .option('--seed <n>', 'the same seed gives the same readings', wholeNumber(0), 1)
    .option('--keep', 'keep everything running afterwards, until Ctrl-C, with a live page', false)
    .option('--json', 'print the balance as one JSON object on the last line of stdout', false)
    .addHelpText(
      'after',
      '\nWith --keep, standard output holds the environment to export, and standard error the balance.\n\n  demo --messages 20000 --devices 500 --rate 2000/s\n  npm run -s demo -- --keep > demo.env      # then in another terminal: . ./demo.env\n',
    )
    .action(ending(async (options: DemoOptions) => (await import('./demo.ts')).demo(options)));
}
