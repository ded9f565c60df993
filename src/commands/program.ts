import { Command } from 'commander';
import { packageVersion } from '../util/version.ts';
import { addLive } from './add-live.ts';
import { addLocalCloud } from './add-local-cloud.ts';
import { addDeadLetters } from './dead-letters/add-dead-letters.ts';
import { addDoctor } from './doctor/add-doctor.ts';
import { ending } from './ending.ts';
import { addExplain } from './explain/add-explain.ts';
import { addInit } from './init/add-init.ts';
import { addLoad } from './load/add-load.ts';
import { addLook } from './look/add-look.ts';
import { addLookup } from './lookup/add-lookup.ts';
import { addProvision } from './provision/add-provision.ts';
import { addReplay } from './replay/add-replay.ts';
import { addSize } from './size/add-size.ts';
import type { ValidateOptions } from './validate.ts';

/** Creates the command line: commands and options, each with help, examples and checks of its values. */
export function createProgram(): Command {
  const program = new Command('dataflow')
    .description('Carries device messages from MQTT through Pub/Sub into BigQuery and Cloud Storage.')
    .version(packageVersion(), '--version', 'print the version')
    .addHelpText('after', '\nExamples:\n  validate pipelines/ingestion\n  run pipelines/ingestion\n  doctor --help\n');

  program
    .command('run')
    .description('run one pipeline until SIGTERM')
    .argument('[pipeline]', 'folder of the pipeline, for example pipelines/ingestion; default: pipelines/$PIPELINE')
    .addHelpText(
      'after',
      '\nLogs go to standard error, on Google Cloud to standard output; log.format selects their form.\n\n  run pipelines/ingestion\n',
    )
    .action(ending(async (pipeline: string | undefined) => (await import('./run.ts')).run(pipeline)));

  program
    .command('validate')
    .description('check a pipeline without connecting, and print its resolved configuration, secrets masked')
    .argument('<pipeline>', 'folder of the pipeline')
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', '\n  validate pipelines/ingestion\n  validate pipelines/mine --json\n')
    .action(
      ending(async (pipeline: string, options: ValidateOptions) =>
        (await import('./validate.ts')).validate(pipeline, options),
      ),
    );

  program
    .command('compile', { hidden: true })
    .description("fill Node's compile cache with the services' modules when building an image")
    .action(ending(async () => (await import('./compile.ts')).compile()));

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
  return program;
}
