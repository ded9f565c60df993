import { type Command, InvalidArgumentError, Option } from 'commander';
import { pathProblem } from '../../core/message-path.ts';
import { LINE_INPUTS } from '../../formats/archived-message.ts';
import { duration, time } from '../arguments.ts';
import { ending } from '../ending.ts';
import type { ReplayCommandOptions } from './options.ts';

function speed(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number above 0, such as 1 or 60, or max.');
}

function path(text: string): string {
  const problem = pathProblem(text);
  if (problem === undefined) return text;
  throw new InvalidArgumentError(`Expected a path such as payload.taken_at or metadata.publishTime: ${problem}.`);
}

const collected = (text: string, before: readonly string[]): readonly string[] => [...before, text];

const AFTER_HELP = `
Messages keep the order of their times, so those of one device keep theirs. Replayed messages keep their ids where the
envelope (--to pubsub) or the payload holds them; docs/replay.md says what that means for duplicates.

  replay archive/raw/2026/11/24 --to mqtt --pipeline pipelines/ingestion --speed 60
  replay archive/raw --to pubsub --topic raw --speed max --device device-00007
  replay go-archive/raw --to mqtt --topic 'sites/{location}/devices/{DeviceID}/readings' --spread 10m
`;

/** Adds the command `replay`. */
export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('send again what the icestore service has archived in Cloud Storage')
    .argument('<bucket/prefix>', 'the archive, or a part of it, such as archive/raw/2026/11/24')
    .addOption(
      new Option('--to <where>', 'over MQTT, or to a Pub/Sub topic').choices(['mqtt', 'pubsub']).makeOptionMandatory(),
    )
    .option('--pipeline <folder>', 'with --to mqtt: take the broker of this ingestion pipeline')
    .option('--url <url>', 'with --to mqtt: the broker; default: $MQTT_URL, or else $MQTT_BROKER_URL')
    .option(
      '--topic <topic>',
      'with --to pubsub: short name of the topic; with --to mqtt: where messages go of which no topic is archived, such as devices/{DeviceID}/data',
    )
    .option('--ordering-key <path>', 'with --to pubsub', path, 'enrichmentData.DeviceID')
    .option('--project <id>', 'default: $GOOGLE_CLOUD_PROJECT, or else $PROJECT_ID')
    .option('--speed <n>', '1 is the original pace, 60 a minute in a second, max as fast as it goes', speed, 1)
    .addOption(
      new Option('--spread <duration>', 'evenly over this time, such as 90s or 10m, in the place of --speed')
        .argParser(duration)
        .conflicts('speed'),
    )
    .addOption(
      new Option(
        '--input <what>',
        'what lines hold: an envelope, a payload (raw), or what it looks like in lines without publishTime',
      )
        .choices(LINE_INPUTS)
        .default('auto'),
    )
    .option('--time <path>', 'the time that orders, selects and paces', path, 'metadata.publishTime')
    .option('--from <time>', 'only messages at or after this time (RFC 3339)', time)
    .option('--until <time>', 'only messages before this time (RFC 3339)', time)
    .option('--device <id>', 'only this device; may be given several times', collected, [])
    .option(
      '--device-path <path>',
      'where the id of a device stands; default: enrichmentData.DeviceID, attributes.uid, payload.device_id',
      path,
    )
    .option('--dry-run', 'say what would be replayed, and send nothing', false)
    .option('--json', 'print one JSON object on the last line', false)
    .addHelpText('after', AFTER_HELP)
    .action(
      ending(async (location: string, options: ReplayCommandOptions) =>
        (await import('./replay.ts')).replay(location, options),
      ),
    );
}
