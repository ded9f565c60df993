import { type Command, InvalidArgumentError, Option } from 'commander';
import { ending } from '../ending.ts';
import type { SizeCommandOptions } from './size.ts';

function numberIn(min: number, max: number, example: string, { whole = false } = {}) {
  return (text: string): number => {
    const value = Number(text.replace(/(\/s|ms|%)$/, ''));
    if (text !== '' && value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
    const kind = whole ? 'whole number' : 'number';
    throw new InvalidArgumentError(`Expected a ${kind} from ${min} to ${max}, such as ${example}.`);
  };
}

const milliseconds = numberIn(0.1, 60_000, '30');
const percent = numberIn(0, 100, '5');

const AFTER_HELP = `
The formulas and their measurements are in docs/performance.md. They plan with 60 % of a core; measure before
you rely on them.

  size --rate 20000 --latency 30 --devices 2000
  size --rate 5000 --latency 30 --devices 2000 --order device --bytes 1024 --storage-latency 120 --json
`;

/** Adds the command `size`. */
export function addSize(program: Command): void {
  program
    .command('size')
    .description('compute replicas, settings and memory of each service for a load')
    .requiredOption('--rate <n>', 'messages per second, such as 20000', numberIn(0.001, 10_000_000, '20000'))
    .requiredOption('--latency <ms>', 'of a call from the service to the cloud and back', milliseconds)
    .requiredOption('--devices <n>', 'number of devices', numberIn(1, 1e9, '2000', { whole: true }))
    .option('--storage-latency <ms>', 'of one upload; default: --latency', milliseconds)
    .option('--bigquery-latency <ms>', 'of one insert; default: --latency', milliseconds)
    .option('--lookup-latency <ms>', 'of one lookup in Redis or Firestore; default: --latency', milliseconds)
    .option('--bytes <n>', 'size of a payload', numberIn(0, 10_000_000, '200', { whole: true }), 200)
    .addOption(
      new Option('--order <by>', 'the ordering key of publishing')
        .choices(['none', 'device', 'buckets'])
        .default('buckets'),
    )
    .option('--buckets <n>', 'with --order buckets', numberIn(1, 1_000_000, '32', { whole: true }), 32)
    .option(
      '--places <n>',
      'concurrent batch keys of icestore, such as locations',
      numberIn(1, 1e6, '4', { whole: true }),
      4,
    )
    .option('--misses <percent>', "of enrich's lookups that memory cannot answer", percent, 0)
    .option('--redis-misses <percent>', 'of those, lookups that Redis cannot answer either', percent, 0)
    .option('--json', 'print one JSON object on the last line', false)
    .addHelpText('after', AFTER_HELP)
    .action(ending(async (options: SizeCommandOptions) => (await import('./size.ts')).size(options)));
}
