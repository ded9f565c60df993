import { type Command, InvalidArgumentError } from 'commander';
import { topicTemplate } from '../../tools/load/topic-template.ts';
import { duration, messagesPerSecond, wholeNumber } from '../arguments.ts';
import { ending } from '../ending.ts';
import type { LoadCommandOptions } from './options.ts';

function topic(text: string): string {
  try {
    topicTemplate(text);
    return text;
  } catch (thrown) {
    throw new InvalidArgumentError(thrown instanceof Error ? `${thrown.message}.` : String(thrown));
  }
}

function runId(text: string): string {
  if (/^[\w.-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected up to 64 letters, digits, ".", "-" and "_".');
}

const AFTER_HELP = `
Exit code 0: all due messages were sent and confirmed by the broker. Code 1: messages were refused, not confirmed, or
not sent in time. Code 2: the command line was refused. Latencies are measured from the moment a message was due.

  load --url mqtt://127.0.0.1:1883 --topic 'sites/{site}/devices/{device}/readings' --devices 2000 --rate 5000 --duration 5m
  load --pipeline pipelines/ingestion --payload reading.json --rate 200/s --duration 30s --json
  load --url mqtts://broker:8883 --ca-file ca.pem --username load --password-file secret --replay archive/raw --rate max
`;

/** Adds the command `load`. */
export function addLoad(program: Command): void {
  program
    .command('load')
    .description('publish readings of made-up devices to an MQTT broker, at a steady rate, and count its confirmations')
    .option(
      '--url <url>',
      'the broker, such as mqtt://127.0.0.1:1883 or mqtts://host:8883; default: $MQTT_URL, $MQTT_BROKER_URL',
    )
    .option('--pipeline <folder>', 'use the broker, certificates and password of this ingestion pipeline')
    .option('--username <name>', 'with --url')
    .option('--password-file <file>', 'with --url: file with the password')
    .option('--ca-file <file>', "with --url: PEM file of the broker's certificate authorities")
    .option('--insecure-skip-verify', 'with --url: accept any certificate; for tests', false)
    .option('--protocol <version>', 'with --url: 4 is MQTT 3.1.1, 5 is MQTT 5', wholeNumber(4, 5), 4)
    .option(
      '--topic <template>',
      "{site}, {device} and {index} are replaced; default: 'sites/{site}/devices/{device}/readings', with --replay each message's own",
      topic,
    )
    .option('--devices <n>', 'number of devices; each message comes from a random one', wholeNumber(1, 1_000_000), 100)
    .option(
      '--rate <n>',
      'messages per second, such as 500 or 500/s, or max: as fast as the broker accepts them',
      messagesPerSecond,
      100,
    )
    .option(
      '--duration <time>',
      'duration, such as 30s, 5m or 1h; default: a minute, or until --messages are sent',
      duration,
    )
    .option('--messages <n>', 'maximum number of messages', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option(
      '--payload <file>',
      'send this file; {id}, {device}, {site}, {index}, {sequence} and {time} are replaced. Default: a made-up reading',
    )
    .option('--replay <bucket/prefix>', 'send the payloads of this archive in the order of their times, repeatedly')
    .option('--project <id>', 'with --replay; default: $GOOGLE_CLOUD_PROJECT, $PROJECT_ID')
    .option('--qos <n>', '0, 1 or 2', wholeNumber(0, 2), 1)
    .option(
      '--connections <n>',
      'number of connections; each device uses one, which keeps its order',
      wholeNumber(1, 10_000),
      1,
    )
    .option('--window <n>', 'maximum number of unconfirmed messages per connection', wholeNumber(1, 65_535), 500)
    .option('--seed <n>', 'the same seed gives the same readings', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--run <id>', "prefix of every reading's id; default: a random one", runId)
    .option('--json', 'print one JSON object on the last line', false)
    .addHelpText('after', AFTER_HELP)
    .action(ending(async (options: LoadCommandOptions) => (await import('./load.ts')).load(options)));
}
