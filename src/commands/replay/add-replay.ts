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
Messages are sent in the order of their times, which keeps each device's order. They keep their ids if the
envelope (--to pubsub) or the payload contains them; docs/replay.md describes the effect on duplicates.

  replay archive/raw/2026/11/24 --to mqtt --pipeline pipelines/ingestion --speed 60
  replay archive/raw --to pubsub --topic raw --speed max --device device-00007
  replay go-archive/raw --to mqtt --topic 'sites/{location}/devices/{DeviceID}/readings' --spread 10m
`;

/** Adds the command `replay`. */
export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('send messages again that icestore has archived in Cloud Storage')
    .argument('<bucket/prefix>', 'the archive or a part of it, such as archive/raw/2026/11/24')
    .addOption(
      new Option('--to <where>', 'over MQTT, or to a Pub/Sub topic').choices(['mqtt', 'pubsub']).makeOptionMandatory(),
    )
    .option('--pipeline <folder>', 'with --to mqtt: use the broker of this ingestion pipeline')
    .option('--url <url>', 'with --to mqtt: the broker; default: $MQTT_URL, or else $MQTT_BROKER_URL')
    .option(
      '--topic <topic>',
      'with --to pubsub: short name of the topic; with --to mqtt: topic of messages archived without one, such as devices/{DeviceID}/data',
    )
    .option('--ordering-key <path>', 'with --to pubsub', path, 'enrichmentData.DeviceID')
    .option('--project <id>', 'default: $GOOGLE_CLOUD_PROJECT, or else $PROJECT_ID')
    .option('--speed <n>', '1 is the original pace, 60 a minute per second, max as fast as possible', speed, 1)
    .addOption(
      new Option('--spread <duration>', 'evenly over this time, such as 90s or 10m, instead of --speed')
        .argParser(duration)
        .conflicts('speed'),
    )
    .addOption(
      new Option(
        '--input <what>',
        'contents of lines: an envelope, a payload (raw), or detected in lines without publishTime (auto)',
      )
        .choices(LINE_INPUTS)
        .default('auto'),
    )
    .option('--time <path>', 'path to the time for order, selection and pace', path, 'metadata.publishTime')
    .option('--from <time>', 'only messages at or after this time (RFC 3339)', time)
    .option('--until <time>', 'only messages before this time (RFC 3339)', time)
    .option('--device <id>', 'only this device; repeatable', collected, [])
    .option(
      '--device-path <path>',
      "path of the device's id; default: enrichmentData.DeviceID, attributes.uid, payload.device_id",
      path,
    )
    .option('--dry-run', 'print what would be replayed, without sending anything', false)
    .option('--json', 'print one JSON object on the last line', false)
    .addHelpText('after', AFTER_HELP)
    .action(
      ending(async (location: string, options: ReplayCommandOptions) =>
        (await import('./replay.ts')).replay(location, options),
      ),
    );
}
