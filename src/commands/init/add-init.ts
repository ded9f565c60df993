import type { Command } from 'commander';
import { ending } from '../ending.ts';
import type { InitOptions } from './init.ts';

/** Adds the command `init` to the command line. */
export function addInit(program: Command): void {
  program
    .command('init')
    .description('write four pipelines for a topic filter, with a table for payloads like a sample')
    .argument('<name>', 'name of the set, such as home, and prefix of each topic, subscription, bucket and dataset')
    .requiredOption('--topic <filter>', "MQTT topic filter, such as 'home/+/temperature'; its first + is the device")
    .requiredOption('--sample <file>', 'file with one payload, in JSON')
    .option('--folder <path>', 'folder to write the set into', 'pipelines')
    .option('--force', 'overwrite pipelines of an earlier init', false)
    .option('--json', 'print the written files and the columns as one JSON object', false)
    .addHelpText(
      'after',
      "\nThen `up pipelines/home` runs them on the sandbox.\n\n  init home --topic 'home/+/temperature' --sample payload.json\n",
    )
    .action(ending(async (name: string, options: InitOptions) => (await import('./init.ts')).init(name, options)));
}
