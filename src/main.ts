import './v8-options.ts';
import { Command } from 'commander';
import { messagesPerSecond, wholeNumber } from './commands/arguments.ts';
import { addDeadLetters } from './commands/dead-letters/add-dead-letters.ts';
import { ending } from './commands/ending.ts';
import { EXIT } from './commands/exit-codes.ts';
import { addLoad } from './commands/load/add-load.ts';
import { addLookup } from './commands/lookup/add-lookup.ts';
import { addProvision } from './commands/provision/add-provision.ts';
import { addReplay } from './commands/replay/add-replay.ts';
import type { SandboxCommand } from './commands/sandbox.ts';
import { addSize } from './commands/size/add-size.ts';

const program = new Command('dataflow')
  .description('Carries device messages from MQTT through Pub/Sub into BigQuery and Cloud Storage.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.clean : EXIT.configurationRefused));

program
  .command('run')
  .description('run one pipeline until SIGTERM')
  .argument('[pipeline]', 'folder of the pipeline, for example pipelines/ingestion; default: pipelines/$PIPELINE')
  .action(ending(async (pipeline: string | undefined) => (await import('./commands/run.ts')).run(pipeline)));

program
  .command('validate')
  .description('check a pipeline and print its resolved configuration, secrets masked')
  .argument('<pipeline>', 'folder of the pipeline')
  .action(ending(async (pipeline: string) => (await import('./commands/validate.ts')).validate(pipeline)));

program
  .command('compile', { hidden: true })
  .description('fill the compile cache of Node with what services load, as an image is built')
  .action(ending(async () => (await import('./commands/compile.ts')).compile()));

addDeadLetters(program);
addLoad(program);
addLookup(program);
addProvision(program);
addReplay(program);
addSize(program);

program
  .command('sandbox')
  .description('run a local cloud: MQTT, Pub/Sub, Firestore, Storage, BigQuery, and Redis where it is installed')
  .option('--ports <base>', 'take consecutive ports from this one; default: free ones', wholeNumber(1, 65_000))
  .option('--project <id>', 'Google Cloud project id', 'sandbox')
  .option('--deny <names>', 'deny permissions or methods, comma-separated, such as storage.objects.get,pubsub.topics.*')
  .option('--schema-delay-ms <n>', 'do not know new BigQuery columns for so long; default: 0', wholeNumber(0))
  .option('--until-stdin-ends', 'end when standard input ends, for a program that starts it', false)
  .action(ending(async (options: SandboxCommand) => (await import('./commands/sandbox.ts')).sandbox(options)));

program
  .command('demo')
  .description('run the whole platform on this machine, send readings through it, and balance the books')
  .option('--messages <n>', 'readings to publish', wholeNumber(1), 5_000)
  .option('--devices <n>', 'devices that publish them', wholeNumber(1, 99_999), 100)
  .option(
    '--rate <n>',
    'readings a second, such as 500/s; default: as fast as the broker takes them',
    messagesPerSecond,
  )
  .option('--seed <n>', 'the same seed makes the same readings', wholeNumber(0), 1)
  .option('--keep', 'leave everything running afterwards, until Ctrl-C', false)
  .option('--json', 'print the balance as one JSON object on the last line of stdout', false)
  .action(
    ending(
      async (options: {
        messages: number;
        devices: number;
        rate?: number;
        seed: number;
        keep: boolean;
        json: boolean;
      }) => (await import('./commands/demo.ts')).demo(options),
    ),
  );

// Whoever reads the output may have seen enough (`… | head`), or the terminal is closed: the work goes on without a reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') return;
  console.error(`standard output cannot be written: ${error.message}`);
  process.exit(EXIT.failed);
});
// What cannot be said ends nothing.
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(thrown);
  process.exit(EXIT.failed);
}
