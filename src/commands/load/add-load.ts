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
Code 0: all that was to be sent was sent, and the broker has confirmed it. Code 1: something was refused, not confirmed, or
not sent in time. Code 2: the command line was refused. Latencies run from the moment at which a message was due.

  load --url mqtt://127.0.0.1:1883 --topic 'sites/{site}/devices/{device}/readings' --devices 2000 --rate 5000 --duration 5m
  load --pipeline pipelines/ingestion --payload reading.json --rate 200/s --duration 30s --json
  load --url mqtts://broker:8883 --ca-file ca.pem --username load --password-file secret --replay archive/raw --rate max
`;

/** Adds the command `load`. */
export function addLoad(program: Command): void {
  program
    .command('load')
    .description('publish readings of made-up devices to an MQTT broker, at a steady rate, and count what it confirms')
    .option(
      '--url <url>',
      'the broker, such as mqtt://127.0.0.1:1883 or mqtts://host:8883; default: $MQTT_URL, $MQTT_BROKER_URL',
    )
    .option('--pipeline <folder>', 'take the broker, its certificates and its password from this ingestion pipeline')
    .option('--username <name>', 'with --url')
    .option('--password-file <file>', 'with --url: the password stands in this file')
    .option('--ca-file <file>', 'with --url: PEM file of the authorities that the broker is checked against')
    .option('--insecure-skip-verify', 'with --url: do not check the certificate; for tests', false)
    .option('--protocol <version>', 'with --url: 4 is MQTT 3.1.1, 5 is MQTT 5', wholeNumber(4, 5), 4)
    .option(
      '--topic <template>',
      "{site}, {device} and {index} are filled in; default: 'sites/{site}/devices/{device}/readings', with --replay each message's own",
      topic,
    )
    .option('--devices <n>', 'devices that publish, one of them at random each time', wholeNumber(1, 1_000_000), 100)
    .option(
      '--rate <n>',
      'messages a second, such as 500 or 500/s, or max: as fast as the broker takes them',
      messagesPerSecond,
      100,
    )
    .option(
      '--duration <time>',
      'how long, such as 30s, 5m or 1h; default: a minute, or until --messages are sent',
      duration,
    )
    .option('--messages <n>', 'how many at most', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option(
      '--payload <file>',
      'send this file; {id}, {device}, {site}, {index}, {sequence} and {time} are filled in. Default: a made-up reading',
    )
    .option(
      '--replay <bucket/prefix>',
      'send the payloads of this archive in the order of their times, again and again',
    )
    .option('--project <id>', 'with --replay; default: $GOOGLE_CLOUD_PROJECT, $PROJECT_ID')
    .option('--qos <n>', '0, 1 or 2', wholeNumber(0, 2), 1)
    .option('--connections <n>', 'connections; a device keeps to one, so its order is kept', wholeNumber(1, 10_000), 1)
    .option('--window <n>', 'the most unconfirmed messages of one connection', wholeNumber(1, 65_535), 500)
    .option('--seed <n>', 'the same seed makes the same readings', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--run <id>', 'begins the id of every reading; default: a random one', runId)
    .option('--json', 'print one JSON object on the last line', false)
    .addHelpText('after', AFTER_HELP)
    .action(ending(async (options: LoadCommandOptions) => (await import('./load.ts')).load(options)));
}
