#!/usr/bin/env node
import './v8-options.ts';
import { Command } from 'commander';
import { addLive } from './commands/add-live.ts';
import { addLocalCloud } from './commands/add-local-cloud.ts';
import { addDeadLetters } from './commands/dead-letters/add-dead-letters.ts';
import { addDoctor } from './commands/doctor/add-doctor.ts';
import { ending } from './commands/ending.ts';
import { EXIT } from './commands/exit-codes.ts';
import { addExplain } from './commands/explain/add-explain.ts';
import { addInit } from './commands/init/add-init.ts';
import { addLoad } from './commands/load/add-load.ts';
import { addLook } from './commands/look/add-look.ts';
import { addLookup } from './commands/lookup/add-lookup.ts';
import { addProvision } from './commands/provision/add-provision.ts';
import { addReplay } from './commands/replay/add-replay.ts';
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
addDoctor(program);
addExplain(program);
addInit(program);
addLoad(program);
addLook(program);
addLookup(program);
addProvision(program);
addReplay(program);
addSize(program);
addLive(program);
addLocalCloud(program);

// The reader may have seen enough (`… | head`), or the terminal was closed: work continues without a reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') return;
  console.error(`standard output cannot be written: ${error.message}`);
  process.exit(EXIT.failed);
});
// A failing standard error does not end the process.
process.stderr.on('error', () => {});

try {
  await program.parseAsync();
} catch (thrown) {
  console.error(thrown);
  process.exit(EXIT.failed);
}
