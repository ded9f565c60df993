import { type Command, InvalidArgumentError } from 'commander';
import { isRecord } from '../../config/interpolate.ts';
import { parseExact } from '../../util/json/lossless-json.ts';
import { ending } from '../ending.ts';
import type { ExplainCommandOptions } from './explain.ts';

function attributes(text: string): Readonly<Record<string, string>> {
  const value = json(text);
  if (isRecord(value) && isTexts(value)) return value;
  throw new InvalidArgumentError('Expected a JSON object of strings, such as \'{"site":"north"}\'.');
}

function isTexts(value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, string>> {
  return Object.values(value).every((each) => typeof each === 'string');
}

/** In an object: commander takes null for an option without a value. */
function looked(text: string): NonNullable<ExplainCommandOptions['lookup']> {
  const data = json(text);
  if (data === null || isRecord(data)) return { data };
  throw new InvalidArgumentError('Expected a JSON object, such as \'{"ClientID":"c1"}\', or null.');
}

function json(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    throw new InvalidArgumentError('Expected JSON.');
  }
}

function topic(text: string): string {
  if (text !== '' && !/[+#\0]/.test(text)) return text;
  throw new InvalidArgumentError('Expected a topic that a device publishes to, without "+" and "#".');
}

const AFTER_HELP = `
Nothing connects: hooks are called, all else is computed. With several pipelines the message goes on from one to the next.
Code 0: it is explained, whatever becomes of it. Code 2: the command line or the configuration was refused.

  explain pipelines/ingestion --topic sites/north/devices/d1/readings --payload reading.json
  explain pipelines/enrich --payload envelope.json --lookup '{"ClientID":"c1","LocationID":"hall"}'
  explain pipelines/ingestion pipelines/enrich pipelines/bigqueries --topic sites/north/devices/d1/readings --payload -
`;

/** Adds the command `explain` to the command line. */
export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('follow one message through pipelines without connecting, and show the result')
    .argument('<pipelines...>', 'folders of pipelines, in the order of the data')
    .option(
      '--payload <file>',
      'file with the payload; if the pipeline reads Pub/Sub, an envelope or a payload. - is standard input',
    )
    .option('--topic <topic>', 'the MQTT topic; for a pipeline that reads Pub/Sub, the attribute mqtt_topic', topic)
    .option(
      '--attributes <json>',
      'Pub/Sub attributes, as a JSON object; for ingestion, MQTT 5 user properties',
      attributes,
      {},
    )
    .option('--ordering-key <key>', 'the ordering key of the incoming message', '')
    .option('--retained', 'the broker sends it as a retained message', false)
    .option('--lookup <json>', 'the data that the enrich lookup returns, as a JSON object, or null for none', looked)
    .option('--as-is', 'do not wrap data that is not an envelope in one', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', AFTER_HELP)
    .action(
      ending(async (paths: string[], options: ExplainCommandOptions) =>
        (await import('./explain.ts')).explainMessage(paths, options),
      ),
    );
}
